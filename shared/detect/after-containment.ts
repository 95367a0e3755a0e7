import { isMessage } from '../correlate/message.ts';
import type { Detection, Signal } from './window.ts';

/** A message that was in DATA, or lines still on their way, when the containment took force on a relay. */
const graceMicros = 5_000_000;

/**
 * Mail of a contained account that got past the hold queue on a relay where the containment was in force: a session
 * that survived, a spelling that no map holds. Both times are the same relay's own clock.
 */
export const afterContainment: Detection = {
  id: 'afterContainment',
  values: ['messages'],
  detect(window): Signal | undefined {
    const escaped = window.messages.filter((message) => {
      const since = window.containedSinceMicros.get(message.relay);
      if (since === undefined || message.login === undefined || !isMessage(message)) return false;
      const { queuedAtMicros, releasedAtMicros = Number.POSITIVE_INFINITY } = message;
      // What a person released from hold reaches the active queue as it should, in the same second if need be.
      if (queuedAtMicros === undefined || queuedAtMicros >= releasedAtMicros) return false;
      return message.acceptedAtMicros > since + graceMicros;
    });
    const first = escaped[0];
    if (first === undefined) return undefined;
    const relays = new Set(escaped.map((message) => message.relay));
    return {
      detection: 'afterContainment',
      values: { messages: escaped.length },
      evidence: `${escaped.length} messages reached the active queue after the containment, on ${[...relays].join(', ')} (first ${first.queueId})`,
    };
  },
};
