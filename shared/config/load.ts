import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import { ConfigError } from './config-error.ts';

/** Reads a YAML file and checks it. @throws ConfigError (also where the file cannot be read) */
export function loadConfig<T>(path: string, schema: z.ZodType<T>): T {
  return parseConfig(readText(path), path, schema);
}

/** As {@link loadConfig}, from text; `name` stands in the errors. */
export function parseConfig<T>(text: string, name: string, schema: z.ZodType<T>): T {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const broken = document.errors[0];
  if (broken !== undefined) {
    throw new ConfigError(`${name}:${broken.linePos?.[0].line ?? 1}: ${firstLine(broken.message)}`);
  }
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let depth = path.length; depth > 0; depth--) {
      const range = keyRange(document, path.slice(0, depth));
      if (range !== undefined) return lineCounter.linePos(range).line;
    }
    return 1;
  };
  const faults = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
      return [`${name}:${lineOf(issue.path)}: ${where}${issue.message}`];
    }
    const known = knownKeys(schema, issue.path);
    return issue.keys.map(
      (key) => `${name}:${lineOf([...issue.path, key])}: unknown key ${key}${suggestion(key, known)}`,
    );
  });
  throw new ConfigError(faults.join('\n'));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Offset of the key (or the list element) at a path. */
function keyRange(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (typeof parent !== 'object' || parent === null || !('items' in parent) || !Array.isArray(parent.items))
    return undefined;
  for (const [index, item] of parent.items.entries()) {
    const node = item?.key ?? item;
    if (item?.key === undefined ? index === last : String(item.key) === String(last)) return node?.range?.[0];
  }
  return undefined;
}

/** Keys that the schema knows at a path, by way of its JSON Schema. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let node: unknown = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
  for (const step of path) {
    node = typeof step === 'number' ? property(node, 'items') : property(property(node, 'properties'), String(step));
  }
  const properties = property(node, 'properties');
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
}

function property(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Object.getOwnPropertyDescriptor(node, name)?.value : undefined;
}

function suggestion(key: string, known: readonly string[]): string {
  const near = known.map((name) => ({ name, steps: editDistance(key, name) })).sort((a, b) => a.steps - b.steps)[0];
  if (near !== undefined && near.steps <= 3) return ` (did you mean ${near.name}?)`;
  return known.length > 0 ? ` (known here: ${known.join(', ')})` : '';
}

/** Levenshtein distance, ignoring case. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase();
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
