import { longQueueId, shortQueueId } from '../../lab/queue-id.ts';
import type { Dice } from './dice.ts';
import type { Timeline } from './timeline.ts';

/** Processes of one program at a time, and how long one lives. */
const poolSize = 12;
const pidLifeSeconds = 900;
/** An ID can name the next message as soon as its file is gone; nearer than this the two are one life. */
const reuseAfterMicros = 3_000_000;
const reuseShare = 0.004;

export interface Place {
  readonly relay: string;
  /** `syslog_name`. */
  readonly name: string;
  readonly longIds: boolean;
  readonly grainMicros: number;
}

/** Writes what one Postfix instance logs. */
export class InstanceLog {
  readonly relay: string;
  readonly name: string;
  readonly #longIds: boolean;
  /** What the log's own stamps can tell apart: a microsecond, or a second. */
  readonly #grainMicros: number;
  readonly #timeline: Timeline;
  readonly #dice: Dice;
  /** IDs whose files are gone, oldest first. */
  readonly #freed: { readonly queueId: string; readonly atMicros: number }[] = [];
  readonly #inodeBase: number;

  constructor(place: Place, timeline: Timeline, dice: Dice) {
    this.relay = place.relay;
    this.name = place.name;
    this.#longIds = place.longIds;
    this.#grainMicros = place.grainMicros;
    this.#timeline = timeline;
    this.#dice = dice;
    // Instances on one disk share its inodes; each finds its own in a range.
    this.#inodeBase = 0x200_000 + dice.below(0x700_000);
  }

  /** `service` is what a master.cf entry puts between the instance's name and the program: `submission/smtpd`. */
  line(atMicros: number, service: string, pid: number, text: string, row?: string): void {
    this.#timeline.add(atMicros, `${this.relay} ${this.name}/${service}[${pid}]: ${text}`, row);
  }

  /** The process of a program that has something to log now. */
  pid(program: string, atMicros: number): number {
    const generation = Math.floor(atMicros / 1e6 / pidLifeSeconds);
    const singleton = program === 'qmgr' || program === 'pickup';
    const slot = singleton ? 0 : this.#dice.below(poolSize);
    return (
      1000 +
      ((program.length * 7919 + program.charCodeAt(0) * 104_729 + slot * 613 + (singleton ? 0 : generation * 37)) %
        60_000)
    );
  }

  newId(at: number): string {
    const atMicros = Math.floor(at);
    if (this.#longIds) return longQueueId(atMicros, this.#inodeBase + this.#dice.below(0x40_000));
    const oldest = this.#freed[0];
    if (oldest !== undefined && oldest.atMicros + reuseAfterMicros < atMicros && this.#dice.chance(reuseShare)) {
      this.#freed.shift();
      return oldest.queueId;
    }
    return shortQueueId(atMicros, this.#inodeBase + this.#dice.below(0x40_000));
  }

  /** `removed`, and the ID is free again. */
  removed(queueId: string, atMicros: number): void {
    this.line(atMicros, 'qmgr', this.pid('qmgr', atMicros), `${queueId}: removed`);
    if (this.#longIds || this.#freed.length >= 64) return;
    const index = this.#freed.findIndex((freed) => freed.atMicros > atMicros);
    this.#freed.splice(index < 0 ? this.#freed.length : index, 0, { queueId, atMicros });
  }

  /** What `ids` owes for a message, as {@link rowOf} reads it from the command's answer. */
  row(queueId: string, account: string, acceptedAtMicros: number, how: 'direct' | 'derived'): string {
    // A short ID holds no time: then the log's own stamp is all that there is.
    const grain = this.#longIds ? 1 : this.#grainMicros;
    const atMicros = Math.floor(acceptedAtMicros / grain) * grain;
    return `${this.relay} ${this.name} ${queueId} ${atMicros} ${account} ${how}`;
  }
}
