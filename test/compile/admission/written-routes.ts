/** The HTTPRoutes of written.ts. */
import { AUTH, BACKENDS, type KubeObject, object } from "./parts.ts";

/** All HTTPRoutes. */
export function writtenRoutes(): KubeObject[] {
  const ofFilters = filters().flatMap(([name, list]) => [
    route(`filters-${name}`, `{ filters: [${list}] }`),
    route(`filters-backend-${name}`, `{ backendRefs: [{ name: b, port: 80, filters: [${list}] }] }`),
  ]);
  return [
    ...Object.entries(PARENTS).map(([name, parents]) =>
      object("HTTPRoute", `parents-${name}`, `{ parentRefs: [${parents}] }`),
    ),
    ...HOSTNAMES.map((list, index) => object("HTTPRoute", `hostnames-${index}`, `{ hostnames: [${list}] }`)),
    object("HTTPRoute", "empty", "{}"),
    ...Object.entries(RULES).map(([name, rules]) => route(name, rules)),
    ...ofFilters,
    ...prefixes(),
    ...paths(),
    ...Object.entries(BACKENDS).map(([name, ref]) => route(`ref-${name}`, `{ backendRefs: [${ref}] }`)),
    ...TIMEOUTS.map(([request, backend], index) =>
      route(`timeouts-${index}`, `{ timeouts: { request: ${request}, backendRequest: ${backend} } }`),
    ),
    ...DURATIONS.map((duration, index) => route(`duration-${index}`, `{ timeouts: { request: "${duration}" } }`)),
    ...Object.entries(SESSIONS).map(([name, session]) =>
      route(`persistence-${name}`, `{ sessionPersistence: { ${session} } }`),
    ),
  ];
}

const route = (name: string, rules: string): KubeObject => object("HTTPRoute", name, `{ rules: [${rules}] }`);

const [X, Y, ONE, TWO] = [", sectionName: x", ", sectionName: y", ", port: 1", ", port: 2"];
const parents = (...rest: readonly string[]): string => rest.map((fields) => `{ name: a${fields} }`).join(", ");
const PARENTS = {
  two: "{ name: a }, { name: b }",
  twice: parents("", ""),
  sections: parents(X, Y),
  "section-twice": parents(X, X),
  "section-once": parents(X, ""),
  "section-empty": parents(', sectionName: ""', ""),
  ports: parents(ONE, TWO),
  "port-twice": parents(ONE, ONE),
  "port-once": parents(ONE, ""),
  "port-and-section": parents(ONE, X),
  "port-sections": parents(ONE + X, ONE + Y),
  "section-ports": parents(ONE + X, TWO + X),
  "port-section-port": parents(ONE + X, ONE),
  "port-section-section": parents(ONE + X, X),
  "port-section-none": parents(ONE + X, ""),
  "both-twice": parents(ONE + X, ONE + X),
  namespaces: parents(", namespace: x", ", namespace: y"),
  "namespace-once": parents(", namespace: x", ""),
  "namespace-default": parents(", namespace: default", ""),
  "namespace-twice": parents(`, namespace: x${X}`, `, namespace: x${X}`),
  kinds: "{ name: a }, { name: a, kind: Other }",
  groups: '{ name: a }, { name: a, group: "" }',
  "kind-spelt": "{ name: a }, { name: a, kind: Gateway }",
  three: parents(X, Y, X),
  "three-mixed": parents(X, ONE, Y),
};

const HOSTNAMES = ["a.b, a.b", '"*"', '"*.a"', "a.*.b", "1.2.3.4", "a:80", '""', "A.b", "a.b."];

const matches = (...counts: readonly number[]): string =>
  counts.map((count) => `{ matches: [${Array(count).fill("{ method: GET }").join(", ")}] }`).join(", ");
const REDIRECT = "{ type: RequestRedirect, requestRedirect: { scheme: https } }";
const header = (name: string, value: string): string =>
  `{ matches: [{ headers: [{ name: ${name}, value: ${JSON.stringify(value)} }] }] }`;

const RULES = {
  "rules-empty": "",
  "rule-empty": "{}",
  "matches-empty": "{ matches: [] }",
  "match-empty": "{ matches: [{}] }",
  "path-empty": "{ matches: [{ path: {} }] }",
  "path-null": "{ matches: [{ path: null }] }",
  "backends-empty": "{ backendRefs: [] }",
  "names-twice": "{ name: a }, { name: a }",
  "names-two": "{ name: a }, { name: b }, {}",
  "names-none": "{}, {}",
  "matches-65": matches(65),
  "matches-128": matches(64, 64),
  "matches-129": matches(64, 64, 1),
  "matches-of-16": matches(...Array<number>(16).fill(8)),
  "matches-of-16-too-many": matches(...Array<number>(15).fill(8), 9),
  "redirect-backends": `{ filters: [${REDIRECT}], backendRefs: [{ name: a, port: 80 }] }`,
  "redirect-no-backends": `{ filters: [${REDIRECT}], backendRefs: [] }`,
  "redirect-of-other-type":
    "{ filters: [{ type: URLRewrite, requestRedirect: {} }], backendRefs: [{ name: a, port: 80 }] }",
  "headers-twice": "{ matches: [{ headers: [{ name: a, value: b }, { name: a, value: c }] }] }",
  "headers-case": "{ matches: [{ headers: [{ name: a, value: b }, { name: A, value: c }] }] }",
  "query-twice": "{ matches: [{ queryParams: [{ name: a, value: b }, { name: a, value: c }] }] }",
  "header-tab": header("a", "b\tc"),
  "header-spaces": header("a", "b  c"),
  "header-space-last": header("a", "b "),
  "header-line": header("a", "b\nc"),
  "retry-empty": "{ retry: {} }",
  "retry-codes-twice": "{ retry: { codes: [500, 500] } }",
  "retry-codes-none": "{ retry: { codes: [] } }",
  "retry-attempts": "{ retry: { attempts: 4294967296 } }",
  "several-faults": "{ name: A, matches: [{ path: { value: a } }], timeouts: { request: 1 }, unknown: a }",
  "several-broken-rules": "{ name: a, matches: [{ path: { value: a//b } }] }, { name: a, backendRefs: [{ name: a }] }",
};

/** A filter of each type. */
const FILTERS = {
  CORS: "{ type: CORS, cors: {} }",
  RequestHeaderModifier: "{ type: RequestHeaderModifier, requestHeaderModifier: {} }",
  ResponseHeaderModifier: "{ type: ResponseHeaderModifier, responseHeaderModifier: {} }",
  RequestMirror: "{ type: RequestMirror, requestMirror: { backendRef: { name: a, port: 80 } } }",
  RequestRedirect: REDIRECT,
  URLRewrite: "{ type: URLRewrite, urlRewrite: { path: { type: ReplaceFullPath, replaceFullPath: /b } } }",
  ExternalAuth: "{ type: ExternalAuth, externalAuth: { protocol: GRPC, grpc: {}, backendRef: { name: a, port: 80 } } }",
  ExtensionRef: "{ type: ExtensionRef, extensionRef: { group: g, kind: K, name: n } }",
};

const MODIFIERS = {
  "full-without": "type: ReplaceFullPath",
  "prefix-without": "type: ReplacePrefixMatch",
  "full-prefix": "type: ReplaceFullPath, replacePrefixMatch: /a",
  "prefix-full": "type: ReplacePrefixMatch, replaceFullPath: /a",
  "full-both": "type: ReplaceFullPath, replacePrefixMatch: /a, replaceFullPath: /a",
  "prefix-both": "type: ReplacePrefixMatch, replacePrefixMatch: /a, replaceFullPath: /a",
  "prefix-empty": 'type: ReplacePrefixMatch, replacePrefixMatch: ""',
  "full-empty": 'type: ReplaceFullPath, replaceFullPath: ""',
};

const MIRRORS = {
  both: "percent: 1, fraction: { numerator: 1 }",
  over: "fraction: { numerator: 101 }",
  "over-own": "fraction: { numerator: 3, denominator: 2 }",
  equal: "fraction: { numerator: 2, denominator: 2 }",
  hundred: "fraction: { numerator: 100 }",
};

const CORS = {
  allowOrigins: [
    "'*'",
    "'*', https://a.b",
    "https://a.b, '*'",
    "'*', '*'",
    "https://*.a.b",
    "http://a:80",
    "https://a.b/",
    "'null'",
    "a.b",
    "spiffe://a",
    "https://A.b:8443",
  ],
  allowMethods: ["'*'", "'*', GET", "GET, POST", "GET, GET", "get"],
  allowHeaders: ["'*'", "'*', a", "a, b", "a, A"],
  exposeHeaders: ["'*'", "'*', a", "a, a"],
};

function filters(): (readonly [name: string, list: string])[] {
  const types = Object.entries(FILTERS).flatMap(([type, filter]) => {
    const others = Object.entries(FILTERS).filter(([other]) => other !== type);
    return [
      [type, filter],
      [`${type}-twice`, `${filter}, ${filter}`],
      [`${type}-without`, `{ type: ${type} }`],
      ...others.map(
        ([other, own]) => [`${type}-with-${other}`, own.replace(`type: ${other}`, `type: ${type}`)] as const,
      ),
    ] as const;
  });
  const modifiers = [
    ["RequestRedirect", "requestRedirect"],
    ["URLRewrite", "urlRewrite"],
  ].flatMap(([type, field]) =>
    Object.entries(MODIFIERS).map(
      ([name, path]) => [`${type}-${name}`, `{ type: ${type}, ${field}: { path: { ${path} } } }`] as const,
    ),
  );
  const mirror = (rest: string): string => `{ type: RequestMirror, requestMirror: { ${rest} } }`;
  const { RequestRedirect, ...others } = FILTERS;
  return [
    ...types,
    ...modifiers,
    ["redirect-and-rewrite", `${RequestRedirect}, ${FILTERS.URLRewrite}`],
    ["all-but-redirect", Object.values(others).join(", ")],
    ...Object.entries(MIRRORS).map(
      ([name, rest]) => [`mirror-${name}`, mirror(`backendRef: { name: a, port: 80 }, ${rest}`)] as const,
    ),
    ...Object.entries(BACKENDS).map(([name, ref]) => [`mirror-ref-${name}`, mirror(`backendRef: ${ref}`)] as const),
    ...Object.entries(AUTH).map(
      ([name, auth]) => [`auth-${name}`, `{ type: ExternalAuth, externalAuth: ${auth} }`] as const,
    ),
    ...Object.entries(CORS).flatMap(([field, lists]) =>
      lists.map((list, index) => [`cors-${field}-${index}`, `{ type: CORS, cors: { ${field}: [${list}] } }`] as const),
    ),
    [
      "set-twice",
      "{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: a, value: b }, { name: a, value: c }] } }",
    ],
    ["remove-twice", "{ type: RequestHeaderModifier, requestHeaderModifier: { remove: [a, a] } }"],
  ];
}

/** "When using … filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified". */
function prefixes(): KubeObject[] {
  const modified = {
    redirect:
      "{ type: RequestRedirect, requestRedirect: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /b } } }",
    rewrite: "{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /b } } }",
    full: FILTERS.URLRewrite,
  };
  const of = {
    none: "",
    empty: "matches: [], ",
    prefix: "matches: [{ path: { value: /a } }], ",
    exact: "matches: [{ path: { type: Exact, value: /a } }], ",
    regex: "matches: [{ path: { type: RegularExpression, value: /a } }], ",
    two: "matches: [{ path: { value: /a } }, { path: { value: /b } }], ",
    "no-path": "matches: [{ method: GET }], ",
  };
  const both = Object.entries(modified).flatMap(([type, filter]) =>
    Object.entries(of).flatMap(([name, own]) => {
      const backend = `{ name: a, port: 80, filters: [${filter}] }`;
      return [
        route(`${type}-prefix-${name}`, `{ ${own}filters: [${filter}] }`),
        route(`${type}-prefix-backend-${name}`, `{ ${own}backendRefs: [${backend}] }`),
        route(`${type}-prefix-backends-${name}`, `{ ${own}backendRefs: [${backend}, ${backend}] }`),
      ];
    }),
  );
  return both;
}

function paths(): KubeObject[] {
  const texts =
    "/ /a//b // /a/./b /a/../b /a%2fb /a%2Fb /a#b /a/.. /a/. /a%20b /a%2 /a%zz /ä /a?b /.a /.. /a/... /a:b@c /a^b /a|b /%00 ( .* a".split(
      " ",
    );
  return ["", "type: Exact, ", "type: PathPrefix, ", "type: RegularExpression, "].flatMap((type, kind) =>
    ["", "/a b", "/a\nb", ...texts].map((text, index) =>
      route(`path-${kind}-${index}`, `{ matches: [{ path: { ${type}value: ${JSON.stringify(text)} } }] }`),
    ),
  );
}

const TIMEOUTS = [
  ["10s", "10s"],
  ["10s", "11s"],
  ["0s", "11s"],
  ["10s", "0s"],
  ["1m", "61s"],
  ["1m", "59s999ms"],
  ["1h", "60m"],
  ["1h", "60m1ms"],
  ["500ms", "1s"],
  ["1s", "1000ms"],
  ["0ms", "1s"],
  ["0h0m", "1s"],
  ["1s1s", "3s"],
  ["99999h99999h99999h99999h", "1s"],
  ["1s", "99999h99999h99999h99999h"],
] as const;

const DURATIONS = ["1.5s", "1", "s", "1d", "100000s", "1s2s3s4s5s", "1us", "-1s", "+1s", "1S", "1s 2s", "1h1m1s1ms"];

const SESSIONS = {
  empty: "",
  "cookie-empty": "cookie: {}",
  cookie: "cookie: { name: a }",
  "cookie-without": "type: Cookie",
  header: "type: Header, header: { name: a }",
  "header-empty": "type: Header, header: {}",
  "header-without": "type: Header",
  "header-cookie": "type: Header, cookie: {}",
  "cookie-header": "type: Cookie, header: { name: a }",
  both: "type: Header, header: { name: a }, cookie: {}",
  "both-cookie": "header: { name: a }, cookie: {}",
  permanent: "cookie: { lifetimeType: Permanent }",
  "permanent-timeout": "cookie: { lifetimeType: Permanent }, absoluteTimeout: 1h",
  "permanent-header": "type: Header, header: {}, cookie: { lifetimeType: Permanent }",
  "session-timeout": "cookie: { lifetimeType: Session }, absoluteTimeout: 1h",
  "permanent-empty": 'cookie: { lifetimeType: Permanent }, absoluteTimeout: ""',
};
