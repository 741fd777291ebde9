declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
/** wrangler.toml's Text rule: the bundle's digest is checked over the very bytes that were built. */
declare module "*/bundle.json" {
  const text: string;
  export default text;
}
