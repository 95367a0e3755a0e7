/**
 * How large packed parts are on real log lines, and what packing costs: `node bench/parts.ts`. The packs are cut as the
 * agent cuts them at rest (six mails in ten seconds) and in a burst (300 lines). Figures: docs/benchmarks.md.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartCollector } from '../shared/correlate/collect.ts';
import { parseLine } from '../shared/parse/line.ts';
import { packPart, unpackPart } from '../shared/parts/pack.ts';
import { packLines } from '../shared/wire/lines.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 11);
const context = { zone: 'UTC', nearMicros: Date.parse('2026-11-24T12:00:00Z') * 1000 };

for (const file of ['long-ids-dovecot.log', 'short-ids-cyrus-portlogging.log', 'attack-50-per-sender.log']) {
  const lines = readFileSync(join(import.meta.dirname, '../test/samples', file), 'utf8')
    .trimEnd()
    .split('\n');
  for (const size of [36, 300]) {
    let [packs, raw, sent, stored] = [0, 0, 0, 0];
    const started = performance.now();
    for (let from = 0; from + size <= lines.length; from += size) {
      const slice = lines.slice(from, from + size);
      const collector = new PartCollector('mx1', hash, 0);
      for (const line of slice) collector.add(parseLine(line, context));
      const bytes = packPart(collector.part());
      unpackPart(bytes);
      packs += 1;
      raw += Buffer.byteLength(slice.join('\n'));
      sent += packLines(slice.map((line, index) => `${index * 150} ${line}\n`).join('')).length;
      stored += bytes.length;
    }
    if (packs === 0) continue;
    const each = (total: number): string => String(Math.round(total / packs)).padStart(6);
    const ms = ((performance.now() - started) / packs).toFixed(2);
    console.log(
      `${file.padEnd(34)} ${String(size).padStart(3)} lines: raw ${each(raw)}, sent ${each(sent)}, stored ${each(stored)} bytes, ${ms} ms`,
    );
  }
}
