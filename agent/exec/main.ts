import { join } from 'node:path';
import type { Log } from '../log.ts';
import type { ExecConfig } from './config.ts';
import { Effects } from './effects.ts';
import { Ledger } from './ledger.ts';
import { Orders } from './orders.ts';
import type { Postfix } from './postfix.ts';
import type { Request, Response } from './protocol.ts';
import { type ExecSocket, listen } from './server.ts';
import { Standing } from './standing.ts';
import { isProtected, Verifier } from './verify.ts';

export interface ExecParts {
  readonly config: ExecConfig;
  /** The journal lies in `exec/` below it. */
  readonly stateDirectory: string;
  readonly postfix: Postfix;
  readonly log: Log;
}

export interface Exec {
  /** Waits for the batch under way; the relay keeps what is in force. */
  close(): Promise<void>;
}

/**
 * Starts the root half of the relay's agent: takes up what was interrupted, makes the desired state true again, and
 * takes orders over the socket.
 * @throws Error naming what is wrong with the keys, the journal or the socket; nothing is changed then
 */
export async function startExec({ config, stateDirectory, postfix, log }: ExecParts): Promise<Exec> {
  const ledger = Ledger.open(join(stateDirectory, 'exec'), log);
  try {
    return await run(ledger, { config, postfix, log });
  } catch (error) {
    ledger.close();
    throw error;
  }
}

async function run(ledger: Ledger, { config, postfix, log }: Omit<ExecParts, 'stateDirectory'>): Promise<Exec> {
  const effects = new Effects(postfix, ledger);
  const standing = new Standing({
    postfix,
    ledger,
    effects,
    log,
    refuses: (account, order) => isProtected(config, account, order.accountRule),
  });
  let socket: ExecSocket | undefined;
  const orders = new Orders({
    postfix,
    ledger,
    effects,
    standing,
    log,
    verifier: new Verifier(config, ledger),
    messagesPerCommand: config.limits.messagesPerCommand,
    answer: (response) => socket?.broadcast(response),
  });

  const handle = (request: Request): Response | undefined => {
    if ('jws' in request) return orders.receive(request);
    if ('ack' in request) {
      ledger.acknowledge(request.ack);
      return undefined;
    }
    if ('hint' in request) {
      standing.hint(request.hint, request.login);
      return { id: request.id, state: 'done' };
    }
    return { id: request.id, state: 'done', desired: standing.achieved };
  };
  const owed = () => ledger.unacknowledged().flatMap(({ id, outcome }) => (outcome ? [{ id, ...outcome }] : []));
  socket = await listen(config.socket, config.agentUser, log, handle, owed);
  orders.resume();
  return {
    async close() {
      await socket.close();
      // Together: an order may be waiting for a state that does not come any more.
      await Promise.all([orders.close(), standing.close()]);
      ledger.close();
    },
  };
}
