import { closeSync, openSync, writeSync } from 'node:fs';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const flushAtBytes = 256 * 1024;

/**
 * A maillog as Postfix' postlogd writes it: RFC 3164 stamps in local time, `host instance/program[pid]: text`.
 * Lines are written by the end of the event-loop turn, so a burst costs few writes.
 */
export class Maillog {
  private readonly file: number;
  private readonly host: string;
  private readonly instance: string;
  private readonly nowMicros: () => number;
  private pending = '';
  private scheduled = false;
  private stampSecond = -1;
  private stamp = '';

  constructor(path: string, instance: string, nowMicros: () => number) {
    this.file = openSync(path, 'a', 0o644);
    this.host = instance;
    this.instance = instance;
    this.nowMicros = nowMicros;
  }

  line(program: string, pid: number, text: string): void {
    const second = Math.floor(this.nowMicros() / 1e6);
    if (second !== this.stampSecond) {
      this.stampSecond = second;
      this.stamp = stampOf(second);
    }
    // Postfix prints what is not printable as `?`: nothing a client sends can begin a line of its own.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
    const printable = text.replace(/[\x00-\x1f\x7f]/g, '?');
    this.pending += `${this.stamp} ${this.host} ${this.instance}/${program}[${pid}]: ${printable}\n`;
    if (this.pending.length >= flushAtBytes) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.pending === '') return;
    const bytes = Buffer.from(this.pending);
    this.pending = '';
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }
}

function stampOf(second: number): string {
  const date = new Date(second * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(date.getDate()).padStart(2, ' ');
  return `${months[date.getMonth()]} ${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
