import type { Containment } from '../../shared/decide/finding.ts';
import type { Deps } from '../deps.ts';

/** What is contained, read once for a batch, and only if a batch asks for it. */
export class Containments {
  readonly #deps: Deps;
  #reading: Promise<ReadonlyMap<string, Containment>> | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  byAccount(): Promise<ReadonlyMap<string, Containment>> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  /** After a change: what comes later in the batch must see it. */
  forget(): void {
    this.#reading = undefined;
  }

  async #read(): Promise<ReadonlyMap<string, Containment>> {
    return new Map((await this.#deps.findings.containments()).map((each) => [each.account, each]));
  }
}
