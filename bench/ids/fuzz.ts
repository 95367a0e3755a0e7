import { accountOf, attributedBy, type CleanLine, readCorpus } from './corpus.ts';
import { damage } from './damage.ts';
import { Dice } from './dice.ts';

/** Enough to see what is wrong. */
const maxExamples = 20;

/** Damaged lines without end, each looked at by the parser as it is made. */
export class Fuzz {
  /** Lines made so far: what `scan` has to count. */
  lines = 0;
  attributed = 0;
  /** Attributions that no clean line gives, with the lines that gave them. */
  readonly framed: string[] = [];
  /** `queueId account` of every attribution that was allowed: `ids` may say no other. */
  readonly allowed = new Set<string>();
  readonly #corpus: readonly CleanLine[] = readCorpus();
  /** Of the clean lines. */
  readonly accounts: ReadonlySet<string> = new Set(
    this.#corpus.flatMap(({ attributed }) => (attributed === undefined ? [] : [accountOf(attributed.login)])),
  );
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  /** About `count` more lines, with their ends. @throws whatever the parser throws, which it must not */
  next(count: number): Buffer {
    const texts: string[] = [];
    for (const end = this.lines + count; this.lines < end; ) {
      const damaged = damage(this.#corpus, this.#dice);
      for (const bytes of damaged.bytes.split('\n')) {
        this.lines += 1;
        const found = attributedBy(bytes);
        if (found === undefined || accountOf(found.login) === '') continue;
        this.attributed += 1;
        if (damaged.allows(found, this.accounts)) this.allowed.add(`${found.queueId} ${accountOf(found.login)}`);
        else if (this.framed.length < maxExamples)
          this.framed.push(`${JSON.stringify(found)} from ${JSON.stringify(bytes.slice(0, 2000))}`);
      }
      texts.push(damaged.bytes, '\n');
    }
    return Buffer.from(texts.join(''), 'latin1');
  }

  /** The clean lines themselves, with their ends. */
  clean(): Buffer {
    return Buffer.from(this.#corpus.map(({ bytes }) => `${bytes}\n`).join(''), 'latin1');
  }
}
