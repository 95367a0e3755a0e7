import { hash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { Acceptance, Head, LogRecord, ProxyAcceptance } from '../shared/parse/record.ts';
import { type IndexStore, isIndexable } from './index-store.ts';

/** A message that joined an account: what may have to be held at once. */
export interface Arrival {
  readonly instance: string;
  readonly queueId: string;
  readonly login: string;
}

/** An answer `queued as` and the record of the new ID may lie this far apart (whole seconds in the log). */
const linkToleranceMicros = 2_000_000;

/**
 * What one record does to the index. Names come only from acceptance records (I1); a message put back in on this host
 * (content filter, requeue) inherits from its parent.
 */
export function indexRecord(store: IndexStore, record: LogRecord): Arrival | undefined {
  const { instance, atMicros } = record;
  switch (record.kind) {
    case 'acceptance': {
      const { queueId, login, client } = record;
      if (login !== undefined && isIndexable(login)) {
        store.put(instance, queueId, login, atMicros);
        openSession(store, record, login);
        return { instance, queueId, login };
      }
      // XFORWARD names an ID of the client's own host.
      const parent =
        record.origQueueId !== undefined && isLoopback(client) ? store.find(record.origQueueId, instance) : undefined;
      if (
        login === undefined &&
        parent?.login !== undefined &&
        parent.acceptedAtMicros <= atMicros + linkToleranceMicros
      ) {
        store.put(instance, queueId, parent.login, atMicros);
        return { instance, queueId, login: parent.login };
      }
      if (login === undefined && isLoopback(client)) store.put(instance, queueId, undefined, atMicros);
      else store.remove(instance, queueId);
      return undefined;
    }
    case 'pickup': {
      const parent = record.origId === undefined ? undefined : store.find(record.origId, instance);
      if (record.origId === undefined || parent?.login === undefined || parent.instance !== instance) {
        store.remove(instance, record.queueId);
        return undefined;
      }
      // Requeued: the old ID is no more.
      store.remove(instance, record.origId);
      store.put(instance, record.queueId, parent.login, atMicros);
      return { instance, queueId: record.queueId, login: parent.login };
    }
    case 'delivery': {
      if (record.forwardedAs !== undefined) return inherit(store, record.queueId, record.forwardedAs, record);
      if (record.queuedAs === undefined || !isLoopback(record.remoteAddress)) return undefined;
      const parent = store.find(record.queueId, instance);
      if (parent?.login === undefined || parent.instance !== instance) return undefined;
      const { login, messageId } = parent;
      const span = [parent.acceptedAtMicros - linkToleranceMicros, atMicros + linkToleranceMicros] as const;
      const on = store.claim(record.queuedAs, { login, messageId }, span);
      return on === undefined ? undefined : { instance: on, queueId: record.queuedAs, login };
    }
    case 'scannerRequeue': {
      const arrival = inherit(store, record.origId, record.queueId, record);
      if (arrival !== undefined) store.remove(arrival.instance, record.origId);
      return arrival;
    }
    case 'proxyAcceptance':
      // Under which ID it goes on is left to exec's sweep and the hub: the kick needs the session.
      if (record.login !== undefined && isIndexable(record.login)) openSession(store, record, record.login);
      return undefined;
    case 'removed':
      store.remove(instance, record.queueId);
      return undefined;
    case 'superseded':
      if (record.act === 'purged') store.remove(instance, record.queueId);
      return undefined;
    case 'connect':
    case 'disconnect':
      store.closeSessions(instance, record.pid);
      return undefined;
    case 'messageId':
      if (!record.resent) store.setMessageId(instance, record.queueId, digestOf(record.messageId));
      return undefined;
    case 'queued':
    case 'expired':
    case 'notification':
    case 'action':
    case 'authFailure':
    case 'proxyReply':
    case 'sessionLost':
      return undefined;
  }
}

function openSession(store: IndexStore, record: Acceptance | ProxyAcceptance, login: string): void {
  const { instance, pid, client, clientPort } = record;
  store.openSession({ instance, pid, client, login, ...(clientPort === undefined ? {} : { clientPort }) });
}

/** A message made on this host without smtpd or pickup: it is on its parent's instance. */
function inherit(
  store: IndexStore,
  parentId: string,
  queueId: string,
  { instance, atMicros }: Head,
): Arrival | undefined {
  const parent = store.find(parentId, instance);
  if (parent?.login === undefined || parent.acceptedAtMicros > atMicros + linkToleranceMicros) return undefined;
  // A scanner names no instance.
  if (instance !== '' && parent.instance !== instance) return undefined;
  store.put(parent.instance, queueId, parent.login, atMicros);
  return { instance: parent.instance, queueId, login: parent.login };
}

/** A stranger chose the text, and its length. */
function digestOf(messageId: string): string {
  return messageId === '' ? '' : hash('sha256', messageId, 'base64url').slice(0, 16);
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}
