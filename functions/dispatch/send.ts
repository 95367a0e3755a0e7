import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Registration } from '../../shared/store/relays.ts';
import { signJws } from '../../shared/wire/jws.ts';
import type { Order } from '../../shared/wire/orders.ts';
import type { Deps } from '../deps.ts';

/** Signs an order and puts it, a bare JWS, into the relay's command queue. `group` keeps the order of what belongs together. */
export async function sendOrder(deps: Deps, relay: Registration, order: Order, group: string): Promise<void> {
  await deps.sqs.send(
    new SendMessageCommand({
      QueueUrl: relay.commandQueueUrl,
      MessageBody: await signJws(order, deps.signer),
      MessageGroupId: groupId(group),
      MessageDeduplicationId: order.jti,
    }),
  );
}

/** SQS takes 128 characters of a limited set: an account may be longer and hold anything. */
function groupId(text: string): string {
  return Buffer.from(text).toString('base64url').slice(0, 128);
}
