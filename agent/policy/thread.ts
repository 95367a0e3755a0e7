import { parentPort, workerData } from 'node:worker_threads';
import { Counters } from '../counters.ts';
import { type Log, reasonOf, Trouble } from '../log.ts';
import { Answers } from './answers.ts';
import type { FromBrake, ToBrake } from './brake-thread.ts';
import { loadMemory, saveMemory } from './memory-file.ts';
import type { Received } from './protocol.ts';
import { PolicyServer } from './server.ts';
import type { BrakeSettings } from './settings.ts';

/**
 * The brake's own thread: the index that the agent's main thread writes to disk must not keep an smtpd waiting. It is
 * started, and has loaded its code, before root is given up; it opens nothing before it is told to.
 */
const settings: BrakeSettings = workerData;
const countsEveryMs = 1_000;
const saveEveryMs = 600_000;
const say = (message: FromBrake): void => parentPort?.postMessage(message);
const logAt = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, text: string) =>
  say({ log: level, fields, text });
const log: Log = { info: logAt('info'), warn: logAt('warn'), error: logAt('error') };
const counters = new Counters();
let rule: Extract<ToBrake, { rule: unknown }>['rule'] = { realmAliases: {} };
let answers: Answers | undefined;
let close = async (): Promise<void> => undefined;

async function begin({ places, file }: Extract<ToBrake, { places: unknown }>): Promise<void> {
  const running = new Answers({ settings, counters, log });
  const key = await loadMemory(file, log, (each) => running.remember(each));
  running.useKey(key);
  running.setRule(rule);
  answers = running;
  const answer = (request: Received, place: string) => running.answer(nowMs(), request, place);
  const servers = places.map((place) => new PolicyServer({ place, answer, counters, log }));
  for (const server of servers) await server.start();
  const trouble = new Trouble(log, `writing ${file}`);
  let saving = Promise.resolve();
  const save = () => {
    saving = saving
      .then(() => saveMemory(file, key, running.remembered()))
      .then(() => trouble.over())
      .catch((error: unknown) => trouble.says(reasonOf(error)));
    return saving;
  };
  const counting = setInterval(() => say({ counts: counters.all() }), countsEveryMs);
  const keeping = setInterval(() => void save(), saveEveryMs);
  close = async () => {
    clearInterval(counting);
    clearInterval(keeping);
    for (const server of servers) await server.close();
    await save();
  };
}

/** Time since the epoch that no change of the clock moves. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

let lane = Promise.resolve();
parentPort?.on('message', (message: ToBrake) => {
  if ('rule' in message) {
    rule = message.rule;
    answers?.setRule(rule);
  } else if ('places' in message) lane = lane.then(() => begin(message));
  else
    lane = lane.then(async () => {
      await close();
      say({ counts: counters.all() });
      parentPort?.close();
    });
});
say({ isReady: true });
