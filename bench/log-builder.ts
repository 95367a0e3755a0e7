/**
 * A made-up maillog of any length: `node bench/log-builder.ts FILE [LINES] [SEED] [rfc3339]`. The same seed gives the
 * same bytes. FILE gets the time of its last line, from which a reader infers the year; what `holdfast ids` owes for
 * it goes to FILE.rows.
 */
import { writeLog } from './ids/log-file.ts';

const [file, lines = '1000000', seed = '1', stamp = 'rfc3164'] = process.argv.slice(2);
if (file === undefined || (stamp !== 'rfc3164' && stamp !== 'rfc3339')) {
  throw new Error('node bench/log-builder.ts FILE [LINES] [SEED] [rfc3164|rfc3339]');
}
writeLog(file, { lines: Number(lines), seed: Number(seed), stamp });
