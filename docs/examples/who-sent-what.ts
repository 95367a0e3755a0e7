import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { attribute, canonicalAccount, isMessage, messagesOf, ownHosts, PartCollector } from 'holdfast/correlate';
import { parseLine } from 'holdfast/parse';

const log = process.argv[2] ?? '/var/log/mail.log';

// 1. Lines → records. Stamps without a year are of the year that puts them nearest to the file's last change.
const context = { zone: 'Europe/Berlin', nearMicros: statSync(log).mtimeMs * 1000 };
const counts = { read: 0, ignored: 0, malformed: 0 };
const collectors = new Map<string, PartCollector>();
for await (const line of linesOf(log)) {
  const parsed = parseLine(line, context);
  if ('ok' in parsed) collectorOf(parsed.ok.host).add(parsed);
  counts['ok' in parsed ? 'read' : 'ignored' in parsed ? 'ignored' : 'malformed'] += 1;
}

// 2. Records → messages: one for each life of each queue ID.
const messages = messagesOf([...collectors.values()].map((collector) => collector.part()));

// 3. Messages → accounts. 10.1.2.3 is where the relay mx2 takes mail from our other relays.
const ownHost = ownHosts(new Map([['10.1.2.3', 'mx2']]));
for (const { message, login, how } of attribute(messages, ownHost)) {
  if (!isMessage(message)) continue;
  const account = canonicalAccount(login, { realm: 'example.org', realmAliases: {} });
  const time = new Date(message.acceptedAtMicros / 1000).toISOString();
  const outcomes = message.outcomes.map(({ status }) => status).join(' ') || 'still queued';
  console.log(`${time} ${message.relay} ${message.queueId} ${account} ${how} from <${message.sender}>: ${outcomes}`);
}
console.log(`${counts.read} lines read, ${counts.ignored} ignored, ${counts.malformed} malformed`);

/** A line ends at a newline and nowhere else; what follows the last one may be half a line, and is left. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const text of createReadStream(path, 'utf8')) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** A line's relay is its host field: one collector for each. */
function collectorOf(relay: string): PartCollector {
  const known = collectors.get(relay);
  if (known !== undefined) return known;
  const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
  const made = new PartCollector(relay, hash, Number.NEGATIVE_INFINITY);
  collectors.set(relay, made);
  return made;
}
