/** What memory.ts uses of WebAssembly, which TypeScript knows only of browsers. */
declare namespace WebAssembly {
  interface Global {
    readonly value: number;
  }
  class Memory {
    constructor(size: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(code: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, Memory>>);
    readonly exports: unknown;
  }
}
