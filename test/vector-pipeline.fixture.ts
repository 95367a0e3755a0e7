import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { type LogEvent, runVrl } from './vrl.fixture.ts';

const strategy = z.enum(['discard', 'sum', 'min', 'max', 'concat_raw']);
const remap = z.looseObject({ type: z.literal('remap'), inputs: z.array(z.string()), source: z.string() });
const reduce = z.looseObject({
  type: z.literal('reduce'),
  inputs: z.array(z.string()),
  group_by: z.array(z.string()),
  merge_strategies: z.record(z.string(), strategy),
  starts_when: z.literal('.from == 0').optional(),
  max_events: z.int(),
});
const unitTest = z.strictObject({
  name: z.string(),
  inputs: z.array(
    z.strictObject({ insert_at: z.string(), type: z.literal('log'), log_fields: z.record(z.string(), z.unknown()) }),
  ),
  outputs: z.array(
    z.strictObject({
      extract_from: z.string(),
      conditions: z.array(z.strictObject({ type: z.literal('vrl'), source: z.string() })),
    }),
  ),
});
const vectorConfig = z.looseObject({
  sources: z.record(z.string(), z.looseObject({ type: z.string() })),
  transforms: z.record(z.string(), z.discriminatedUnion('type', [remap, reduce])),
  sinks: z.record(z.string(), z.looseObject({ type: z.string(), inputs: z.array(z.string()) })),
  tests: z.array(unitTest),
});
type VectorConfig = z.infer<typeof vectorConfig>;

/** A shipped config with its environment filled in, as Vector does it: by text, before it is YAML. */
export function readConfig(name: string, environment: Readonly<Record<string, string>>): VectorConfig {
  const text = readFileSync(join(import.meta.dirname, '../agent/vector', name), 'utf8');
  const filled = text.replace(/\$\{(\w+):\?[^}]*\}/g, (_, variable: string) => {
    const value = environment[variable];
    if (value === undefined) throw new Error(`${name} wants ${variable}`);
    return value;
  });
  return vectorConfig.parse(parse(filled));
}

/**
 * Events from transform `first` to `last`. Programs run in the real VRL engine. `reduce` is **emulated** here, by what
 * Vector's documentation says of its merge strategies, `starts_when` and `max_events`; that real packs join was seen on a
 * real Vector 0.58 (docs/vector.md).
 */
export function throughTransforms(config: VectorConfig, first: string, last: string, given: readonly LogEvent[]) {
  let events = given;
  for (let at: string | undefined = first; at !== undefined; at = next(config, at)) {
    const transform = config.transforms[at];
    if (transform === undefined) throw new Error(`no transform ${at}`);
    events = transform.type === 'remap' ? runVrl(transform.source, events) : packed(transform, events);
    if (at === last) return events;
  }
  throw new Error(`${last} does not come after ${first}`);
}

function next({ transforms }: VectorConfig, name: string): string | undefined {
  return Object.entries(transforms).find(([, { inputs }]) => inputs.includes(name))?.[0];
}

function packed(transform: z.infer<typeof reduce>, events: readonly LogEvent[]): LogEvent[] {
  const open = new Map<string, { count: number; event: Record<string, unknown> }>();
  const done: LogEvent[] = [];
  for (const event of events) {
    const key = JSON.stringify(transform.group_by.map((field) => event[field]));
    const group = open.get(key);
    if (group !== undefined && transform.starts_when !== undefined && event['from'] === 0) {
      done.push(group.event);
      open.delete(key);
    }
    const into = open.get(key);
    if (into === undefined) open.set(key, { count: 1, event: { ...event } });
    else {
      into.count += 1;
      for (const [field, how] of Object.entries(transform.merge_strategies)) {
        into.event[field] = merged(how, into.event[field], event[field]);
      }
    }
    const filled = open.get(key);
    if (filled === undefined || filled.count < transform.max_events) continue;
    done.push(filled.event);
    open.delete(key);
  }
  return [...done, ...[...open.values()].map(({ event }) => event)];
}

function merged(how: z.infer<typeof strategy>, known: unknown, fresh: unknown): unknown {
  switch (how) {
    case 'discard':
      return known;
    case 'sum':
      return Number(known) + Number(fresh);
    case 'min':
      return Math.min(Number(known), Number(fresh));
    case 'max':
      return Math.max(Number(known), Number(fresh));
    case 'concat_raw':
      return `${known}${fresh}`;
  }
}
