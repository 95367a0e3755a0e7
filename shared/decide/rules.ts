import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '@marcbachmann/cel-js';
import * as z from 'zod';
import { ConfigError } from '../config/config-error.ts';
import { parseConfig } from '../config/load.ts';
import { detections } from '../detect/detections.ts';
import type { Signal, Window } from '../detect/window.ts';

/** A rule: a condition over signals, and what follows from it. Thresholds live here and nowhere else. */
const ruleFile = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/, 'lower-case words joined by hyphens'),
  title: z.string().min(1).max(200),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  /** CEL (cel.dev) over the detections' values: `volume.messages10m >= 100`. */
  when: z.string().min(1).max(2000),
  response: z.enum(['observe', 'notify', 'quarantine', 'block']),
  durationHours: z
    .number()
    .positive()
    .max(24 * 30),
});

export type Severity = z.infer<typeof ruleFile>['severity'];
export type Response = z.infer<typeof ruleFile>['response'];

export interface Rule extends z.infer<typeof ruleFile> {
  readonly matches: (values: SignalValues) => boolean;
}

/** What a rule saw: `{ volume: { messages10m: 120 … }, rotation: … }`; a detection with nothing to say is all zeros. */
type SignalValues = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Rules of a folder (`*.yaml`), the gravest first. @throws ConfigError naming file, line and what is wrong */
export function loadRules(directory: string): Rule[] {
  const files = namesIn(directory)
    .filter((name) => name.endsWith('.yaml'))
    .sort();
  const rules = files.map((name) => parseRule(readFileSync(join(directory, name), 'utf8'), join(directory, name)));
  const order: readonly Severity[] = ['critical', 'high', 'medium', 'low'];
  return rules.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw new ConfigError(`${directory}: ${firstLine(error)}`);
  }
}

export function parseRule(text: string, name: string): Rule {
  const rule = parseConfig(text, name, ruleFile);
  const fault = (reason: string): ConfigError => {
    const line = text.split('\n').findIndex((each) => each.startsWith('when:')) + 1;
    return new ConfigError(`${name}:${line}: when: ${reason}`);
  };
  // CEL's matches() is a backtracking regular expression here; a rule must never be able to run away.
  if (/\bmatches\s*\(/.test(rule.when)) throw fault('matches() is not available in rules');
  try {
    const checked = checker.parse(rule.when).check();
    if (!checked.valid) throw fault(firstLine(checked.error));
    if (checked.type !== 'bool') throw fault(`must be true or false, is ${checked.type}`);
  } catch (error) {
    throw error instanceof ConfigError ? error : fault(firstLine(error));
  }
  const evaluate = evaluator.parse(rule.when);
  return { ...rule, matches: (values) => evaluate(values) === true };
}

/** The signals of a window, and the gravest rule that they fulfil. */
export function judge(
  window: Window,
  rules: readonly Rule[],
  nowMicros: number,
): { readonly rule: Rule; readonly signals: readonly Signal[] } | undefined {
  const signals = detections.flatMap((detection) => detection.detect(window, nowMicros) ?? []);
  if (signals.length === 0) return undefined;
  const values = { ...silence, ...Object.fromEntries(signals.map((signal) => [signal.detection, signal.values])) };
  const rule = rules.find((each) => each.matches(values));
  return rule === undefined ? undefined : { rule, signals };
}

const silence: SignalValues = Object.fromEntries(
  detections.map(({ id, values }) => [id, Object.fromEntries(values.map((name) => [name, 0]))]),
);

// Two environments: the first knows each value's name and refuses a misspelt one, the second takes plain numbers.
const checker = new Environment();
const evaluator = new Environment();
for (const { id, values } of detections) {
  checker.registerVariable(id, { schema: Object.fromEntries(values.map((name) => [name, 'double'])) });
  evaluator.registerVariable(id, 'map');
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
