/** Asks the brake as many smtpd processes do, in a process of its own, and tells its parent how long the answers took. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from './request.ts';

interface Task {
  readonly path: string;
  readonly requests: number;
  readonly accounts: number;
  readonly isKept: boolean;
  readonly inFlight: number;
  readonly pauseMs: number;
}

process.once('message', (task: Task) => void measure(task));

async function measure(task: Task): Promise<void> {
  // The first thousands warm up both sides.
  await askAll({ ...task, requests: Math.ceil(task.requests / 5), pauseMs: 0 });
  const began = performance.now();
  const tookMs = await askAll(task);
  const perSecond = (task.requests / (performance.now() - began)) * 1_000;
  const at = (share: number): number => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0;
  process.send?.({ p50: at(0.5), p99: at(0.99), max: at(1), perSecond });
}

/** Sorted. */
async function askAll({ path, requests, accounts, isKept, inFlight, pauseMs }: Task): Promise<Float64Array> {
  const tookMs = new Float64Array(requests);
  let next = 0;
  const smtpd = async () => {
    let socket: Socket | undefined;
    while (next < requests) {
      const index = next++;
      const text = request(index, accounts);
      const began = performance.now();
      socket ??= connect(path);
      socket.write(text);
      await once(socket, 'data');
      tookMs[index] = performance.now() - began;
      if (!isKept) {
        socket.destroy();
        socket = undefined;
      }
      if (pauseMs > 0) await sleep(pauseMs * 2 * Math.random());
    }
    socket?.destroy();
  };
  await Promise.all(Array.from({ length: inFlight }, smtpd));
  return tookMs.sort();
}
