/** Programs of CEL expressions. A library implements CEL; the functions that Kubernetes adds to it are defined here. */
import { createRequire } from "node:module";
import type * as Cel from "@bufbuild/cel";
import type * as CelExtensions from "@bufbuild/cel/ext";
import { FORMATS } from "./formats.ts";
import { isCelCidr, isCelIp } from "./ip.ts";

/** A function that evaluates one expression in a context. Throws on what it cannot evaluate. */
type Program = (context: Record<string, unknown>) => unknown;
/** A function that makes the program of an expression. Throws on a text that is no CEL. */
type Compiler = (expression: string) => Program;

let compiler: Compiler | null = null;
const programs = new Map<string, Program>();

/** The program of an expression. Throws on a text that is no CEL. */
export function programOf(expression: string): Program {
  let program = programs.get(expression);
  if (program === undefined) {
    compiler ??= loadCompiler();
    program = compiler(expression);
    programs.set(expression, program);
  }
  return program;
}

/**
 * The library's compiler of expressions. Loading the library takes a quarter of the CPU of a small build, and only inputs
 * with CustomResourceDefinitions need it: so it is loaded at its first use, by `require`, because passes are synchronous.
 */
function loadCompiler(): Compiler {
  const require = createRequire(import.meta.url);
  const cel = require("@bufbuild/cel") as typeof Cel;
  const { strings } = require("@bufbuild/cel/ext") as typeof CelExtensions;
  const environment = kubernetes(cel, strings);
  return (expression) => {
    const planned = cel.plan(environment, cel.parse(expression));
    return (context) => {
      const result = planned({ ...(context as Record<string, Cel.CelInput>), format: {} });
      if (cel.isCelError(result)) throw result;
      return result;
    };
  };
}

/**
 * CEL with the functions of Kubernetes that rules of CRDs use: `isIP`, `isCIDR`, `isURL` and `format`. A named format, the
 * optional list of faults that `validate` gives, and the optional `oldSelf` are maps here: rules ask nothing of them but
 * `hasValue()`.
 */
function kubernetes(
  { celEnv, celFunc, celMethod, CelScalar, mapType }: typeof Cel,
  strings: typeof CelExtensions.strings,
): Cel.CelEnv {
  const map = mapType(CelScalar.STRING, CelScalar.DYN);
  const formats = Object.keys(FORMATS).map((name) => celMethod(name, map, [], map, () => ({ name })));
  return celEnv({
    funcs: [
      ...strings,
      ...formats,
      celMethod("validate", map, [CelScalar.STRING], map, function (this: Cel.CelMap, text) {
        return { faults: FORMATS[this.get("name") as string]?.(text) !== true };
      }),
      celMethod("hasValue", map, [], CelScalar.BOOL, function (this: Cel.CelMap) {
        return this.get("faults") === true;
      }),
      celMethod("orValue", map, [CelScalar.DYN], CelScalar.DYN, (other) => other),
      celFunc("isIP", [CelScalar.STRING], CelScalar.BOOL, isCelIp),
      celFunc("isCIDR", [CelScalar.STRING], CelScalar.BOOL, isCelCidr),
      celFunc("isURL", [CelScalar.STRING], CelScalar.BOOL, (text) => FORMATS["uri"]?.(text) === true),
    ],
  });
}
