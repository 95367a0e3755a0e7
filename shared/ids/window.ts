import { SiftMemory } from './memory.ts';
import { memoryOf, Segment } from './segment.ts';

/**
 * The lines read last, in at most three segments, oldest first. What is judged stands in the middle one or later, so that
 * a whole segment of lines before it and one after it are at hand.
 */
export class Window {
  readonly segments: Segment[];
  readonly memory: SiftMemory;
  readonly #segmentBytes: number;
  /** Lines up to this time were given up: what comes of that time is late, and may have been here before. */
  givenUpMicros = Number.NEGATIVE_INFINITY;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
    this.memory = new SiftMemory(maxSegments * memoryOf(segmentBytes));
    this.segments = [new Segment(this.memory, segmentBytes)];
    this.#tell();
  }

  /** The one that is being filled. */
  get youngest(): Segment {
    const segment = this.segments.at(-1);
    if (segment === undefined) throw new Error('a window has a segment');
    return segment;
  }

  /** When the youngest segment begins. */
  get youngestMicros(): number {
    const { youngest } = this;
    return youngest.count > youngest.keptCount ? youngest.atMicros(youngest.keptCount) : Number.POSITIVE_INFINITY;
  }

  /** The one to be given up next, if the window is full. */
  get oldest(): Segment | undefined {
    return this.segments.length === maxSegments ? this.segments[0] : undefined;
  }

  /** Begins another segment. */
  turn(): void {
    const free = this.oldest;
    if (free === undefined) {
      this.segments.push(new Segment(this.memory, this.#segmentBytes));
    } else {
      this.segments.shift();
      this.givenUpMicros = Math.max(this.givenUpMicros, free.newestMicros);
      free.clear();
      this.segments.push(free);
    }
    this.#tell();
  }

  #tell(): void {
    const [first, second, third] = this.segments;
    this.memory.code.setWindow(first?.address ?? 0, second?.address ?? 0, third?.address ?? 0);
  }
}

const maxSegments = 3;
