import type { Access, Enrolment } from '../functions/api/enrol.ts';
import { type AccessKeys, relayGrants } from './keys.ts';
import { commandQueueName, queueNames } from './queue-names.ts';
import type { QueueStore } from './queues.ts';

/** Region of an endpoint that is in none: SigV4 wants a name. */
export const hubRegion = 'local';

/** Enrolment on the hub: a FIFO queue and an access key in the hub's own file. */
export function hubEnrolment(
  queues: QueueStore,
  accessKeys: AccessKeys,
  endpoint: string,
  hubKeys: Readonly<Record<string, string>>,
): Enrolment {
  const url = (name: string): string => `${endpoint}/000000000000/${name}`;
  return {
    hubKeys,
    create: async (relay): Promise<Access> => {
      const commands = commandQueueName(relay);
      queues.createQueue(commands, { visibilitySeconds: 30 });
      const senderId = `relay:${relay}`;
      const grants = relayGrants({ events: queueNames.events, reports: queueNames.reports, commands });
      const { accessKeyId, secretAccessKey } = accessKeys.createAccessKey(senderId, grants);
      return {
        endpoint,
        region: hubRegion,
        accessKeyId,
        secretAccessKey,
        queues: { events: url(queueNames.events), reports: url(queueNames.reports), commands: url(commands) },
        senderId,
      };
    },
    remove: async (relay) => {
      for (const key of accessKeys.keysOf(`relay:${relay}`)) accessKeys.revokeAccessKey(key);
    },
  };
}
