import { type Attributed, accountOf, type CleanLine } from './corpus.ts';
import type { Dice } from './dice.ts';

/** Where in a damaged text the attribution of a clean line stands, and what the damage left of it. */
interface Source {
  readonly attributed: Attributed;
  id: Span;
  login: Span;
}

interface Span {
  /** Where damage begins to matter: at the field's name. */
  readonly fieldFrom: number;
  readonly from: number;
  readonly to: number;
  /** How many characters before the first damage are as they were. */
  readonly head: number;
}

/**
 * A line to which things were done that no parser can undo: disks fill up, writers die, copies tear, strangers write.
 * It knows which attributions may still be read from it: those of its clean lines, unless the damage hit the very
 * bytes of a queue ID or a login, and then no other than what begins like it.
 */
export class DamagedLine {
  /** A character for each byte. May hold line ends: then these are several lines. */
  bytes: string;
  #sources: Source[] = [];
  /** A record may stand there twice. */
  #repeated = false;

  constructor(line: CleanLine) {
    this.bytes = line.bytes;
    this.#add(line, 0);
  }

  #add({ bytes, attributed }: CleanLine, at: number): void {
    if (attributed === undefined) return;
    const login = Buffer.from(attributed.login).toString('latin1');
    const idFrom = at + bytes.indexOf(`${attributed.queueId}: client=`);
    const loginField = at + bytes.indexOf(loginMark);
    this.#sources.push({
      attributed,
      id: span(idFrom, idFrom, attributed.queueId.length),
      login: span(loginField, loginField + loginMark.length, login.length),
    });
  }

  /** Cuts out `gone` bytes at `at` and puts a text there. */
  edit(at: number, gone: number, put: string): void {
    const end = Math.min(at + gone, this.bytes.length);
    this.bytes = this.bytes.slice(0, at) + put + this.bytes.slice(end);
    // A record without its ID is none.
    if (put === '' && !this.#repeated) this.#sources = this.#sources.filter(({ id }) => at > id.from || end < id.to);
    for (const source of this.#sources) {
      source.id = edited(source.id, at, end, put.length);
      source.login = edited(source.login, at, end, put.length);
    }
  }

  /** Writes what stands there twice. */
  repeat(at: number, length: number): void {
    const again = this.bytes.slice(at, at + length);
    this.#repeated = true;
    this.edit(at + again.length, 0, again);
  }

  /** Another line goes on where this one ends: its line end was lost. */
  glue(line: CleanLine): void {
    const at = this.bytes.length;
    this.edit(at, 0, line.bytes);
    this.#add(line, at);
  }

  /** All of it inside something else, perhaps in another notation. The last thing that is done to it. */
  wrap(around: (bytes: string) => string): void {
    this.bytes = around(this.bytes);
  }

  /**
   * Whether a clean line says so, as far as its bytes are still there. A login that was damaged, or to which something
   * was added, is nobody: it must not be another of `accounts`.
   */
  allows({ queueId, login }: Attributed, accounts: ReadonlySet<string>): boolean {
    return this.#sources.some(({ attributed, id, login: span }) => {
      if (!queueId.startsWith(kept(attributed.queueId, id))) return false;
      if (id.head === Number.POSITIVE_INFINITY && queueId !== attributed.queueId) return false;
      if (accountOf(login) === accountOf(attributed.login)) return true;
      return login.startsWith(kept(attributed.login, span)) && !accounts.has(accountOf(login));
    });
  }
}

const loginMark = ', sasl_username=';

function span(fieldFrom: number, from: number, length: number): Span {
  return { fieldFrom, from, to: from + length, head: Number.POSITIVE_INFINITY };
}

/** The beginning that no damage reached. Bytes of one character that fell apart are other characters. */
function kept(whole: string, { head }: Span): string {
  return /^[\x20-\x7e]*/.exec(whole.slice(0, head))?.[0] ?? '';
}

/** An edit at a span's edge is damage to it: nothing tells where the old text ends. */
function edited(old: Span, at: number, end: number, put: number): Span {
  if (at > old.to) return old;
  const shift = put - (end - at);
  if (end < old.fieldFrom) {
    return { ...old, fieldFrom: old.fieldFrom + shift, from: old.from + shift, to: old.to + shift };
  }
  const head = Math.min(old.head, Math.max(0, at - old.from));
  const from = Math.min(old.from, at);
  return { fieldFrom: Math.min(old.fieldFrom, at), from, to: Math.max(old.to + shift, at + put), head };
}

/** Of all lines: what strangers alone did; the others are damaged by accidents, which strangers cannot time. */
const strangersShare = 0.2;
/** Of either; each is then in one of {@link wrappers}. */
const wrapShare = 0.15;

/** Does something to a line, or up to three things. `dice` alone decides. */
export function damage(lines: readonly CleanLine[], dice: Dice): DamagedLine {
  const damaged = new DamagedLine(dice.pick(lines));
  if (dice.chance(strangersShare)) strangerWrites(damaged, lines, dice);
  else for (let count = 1 + dice.below(3); count > 0; count--) dice.pick(accidents)(damaged, lines, dice);
  if (dice.chance(wrapShare)) damaged.wrap(dice.pick(wrappers));
  return damaged;
}

type Way = (line: DamagedLine, lines: readonly CleanLine[], dice: Dice) => void;

const anywhere = (line: DamagedLine, dice: Dice): number => dice.below(line.bytes.length + 1);

const accidents: readonly Way[] = [
  function flipBytes(line, _, dice) {
    for (let count = 1 + dice.below(4); count > 0; count--) {
      line.edit(anywhere(line, dice), 1, String.fromCharCode(dice.below(256)));
    }
  },
  function loseBytes(line, _, dice) {
    line.edit(anywhere(line, dice), 1 + dice.below(60), '');
  },
  function repeatBytes(line, _, dice) {
    line.repeat(anywhere(line, dice), 1 + dice.below(80));
  },
  function insertBytes(line, _, dice) {
    const noise = Array.from({ length: 1 + dice.below(30) }, () => String.fromCharCode(dice.below(256)));
    line.edit(anywhere(line, dice), 0, noise.join(''));
  },
  function insertZeros(line, _, dice) {
    line.edit(anywhere(line, dice), dice.below(30), '\0'.repeat(1 + dice.below(100)));
  },
  function insertVeryMuch(line, _, dice) {
    if (dice.chance(0.98)) return;
    line.edit(anywhere(line, dice), 0, dice.pick(['x', ' ', '[', ', ', '"', '>, relay=']).repeat(dice.below(20_000)));
  },
  function cutEnd(line, _, dice) {
    const at = anywhere(line, dice);
    line.edit(at, line.bytes.length - at, '');
  },
  function cutBeginning(line, _, dice) {
    line.edit(0, anywhere(line, dice), '');
  },
  function breakLine(line, _, dice) {
    line.edit(anywhere(line, dice), 0, dice.pick(['\n', '\r\n', '\r', '\v', '\x85', '\xe2\x80\xa8']));
  },
  function glueLine(line, lines, dice) {
    line.glue(dice.pick(lines));
  },
  function tearAndGlue(line, lines, dice) {
    const at = anywhere(line, dice);
    line.edit(at, line.bytes.length - at, '');
    line.glue(dice.pick(lines));
  },
];

/** What a stranger puts into his own fields: whole copied lines and records, as Postfix prints them. */
function strangerWrites(line: DamagedLine, lines: readonly CleanLine[], dice: Dice): void {
  const field = strangersField.exec(line.bytes);
  if (field === null) return;
  const other = dice.pick(lines).bytes;
  const baits = [
    other,
    other.slice(other.indexOf(']: ') + 3),
    ', sasl_method=PLAIN, sasl_username=userB',
    `\xe2\x80\xa8${other}`,
    `\xc2\x85${other}\xe2\x80\xa9`,
    `>, size=1, nrcpt=1 (queue active)`,
    ...['\\', '"', '>', ')', ']', '}', "'", '","MESSAGE":"'].map((end) => `${end}${other}`),
  ];
  line.edit(field.index + field[0].length, 0, printable(dice.pick(baits)));
}

/** Up to where a stranger's own text begins; the lookbehind-free form keeps it quick on long lines. */
const strangersField =
  /(?:message-id=<?|: from=<|helo=<|status=\w+ \(|sasl_sender=|authentication failed: |header Subject: |said: 5\d\d )/;

/** printable(3) of Postfix. */
function printable(bytes: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it replaces.
  return bytes.replaceAll(/[\x00-\x1f\x7f]/g, '?');
}

/** What daemons, runtimes and copies put around a whole line. */
const wrappers: readonly ((bytes: string) => string)[] = [
  (bytes) => `<22>${bytes}`,
  (bytes) => `\xef\xbb\xbf${bytes}`,
  (bytes) => `${bytes}\r`,
  (bytes) => ` ${bytes}`,
  (bytes) => `${bytes} `,
  (bytes) => `2026-11-24T10:13:12.123456789Z stdout F ${bytes}`,
  (bytes) => `2026-11-24T10:13:12.123456789Z stdout P ${bytes}`,
  (bytes) => JSON.stringify({ log: `${bytes}\n`, stream: 'stdout', time: '2026-11-24T10:13:12.123456789Z' }),
  (bytes) => retold(bytes, (prefix, _, text) => `${prefix}message repeated 3 times: [ ${text}]`),
  (bytes) => retold(bytes, (prefix, _, text) => `${prefix}[ID 197553 mail.info] ${text}`),
  (bytes) => retold(bytes, (_, tag, text) => journal(tag, text)),
  (bytes) =>
    retold(bytes, (_, tag, text) =>
      journal(
        tag,
        [...text].map((byte) => byte.charCodeAt(0)),
      ),
    ),
  (bytes) =>
    retold(bytes, (_, tag, text) => `<22>1 2026-11-24T10:13:12.123456Z ${tag.host} ${tag.name} ${tag.pid} - - ${text}`),
];

interface Tag {
  readonly host: string;
  readonly name: string;
  readonly pid: string;
}

/** The line told anew from its prefix, tag and text; as it is where the damage left no such things. */
function retold(bytes: string, tell: (prefix: string, tag: Tag, text: string) => string): string {
  const [prefix, host, name, pid] =
    /^(?:\w{3} [ \d]\d [\d:]{8}|[\dT:.+-]+) (\S+) ([^\s[]+)\[(\d+)\]: /.exec(bytes) ?? [];
  if (prefix === undefined || host === undefined || name === undefined || pid === undefined) return bytes;
  return tell(prefix, { host, name, pid }, bytes.slice(prefix.length));
}

function journal({ host, name, pid }: Tag, message: string | number[]): string {
  return JSON.stringify({
    __REALTIME_TIMESTAMP: '1795515192123456',
    _HOSTNAME: host,
    SYSLOG_IDENTIFIER: name,
    _PID: pid,
    MESSAGE: message,
  });
}
