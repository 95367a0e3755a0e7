import type { SQSRecord } from 'aws-lambda';
import type { Deps } from './deps.ts';

/**
 * Why a message may not speak for the relay it names; undefined if it may. SQS tells the principal that sent it, and
 * enrolment bound that to one relay (I9).
 */
export async function senderFault(deps: Deps, record: SQSRecord, relay: string): Promise<string | undefined> {
  const registered = await deps.relays.recent(relay, deps.nowMs());
  if (registered === undefined) return `relay ${relay} is not enrolled`;
  const { senderId } = registered;
  if (senderId === undefined) {
    return deps.namesSenders
      ? `relay ${relay} is registered without a principal, though the queue tells them`
      : undefined;
  }
  // Without it, whatever the reason, nobody is bound.
  const sender = record.attributes.SenderId ?? '';
  // An IAM role sends as ROLE:SESSION, and whoever assumes it chooses the session's name.
  const isBound = sender === senderId || sender.startsWith(`${senderId}:`);
  return isBound ? undefined : `sent by ${sender}, which may not speak for relay ${relay}`;
}
