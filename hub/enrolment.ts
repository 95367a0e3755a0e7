import { HTTPException } from 'hono/http-exception';
import { type Access, type AccessKey, type Enrolment, rotationUnfinished } from '../functions/api/enrol.ts';
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
  const newKey = (relay: string): AccessKey => {
    const commands = commandQueueName(relay);
    const grants = relayGrants({ events: queueNames.events, reports: queueNames.reports, commands });
    const { accessKeyId, secretAccessKey } = accessKeys.createAccessKey(senderIdOf(relay), grants);
    return { accessKeyId, secretAccessKey };
  };
  return {
    hubKeys: async () => hubKeys,
    create: async (relay, role): Promise<Access> => {
      if (role !== undefined) throw new HTTPException(400, { message: 'a hub knows no IAM roles' });
      const commands = commandQueueName(relay);
      queues.createQueue(commands, { visibilitySeconds: 30 });
      return {
        endpoint,
        region: hubRegion,
        key: newKey(relay),
        queues: { events: url(queueNames.events), reports: url(queueNames.reports), commands: url(commands) },
        senderId: senderIdOf(relay),
      };
    },
    rotate: async (relay) => {
      if (accessKeys.keysOf(senderIdOf(relay)).length > 1) throw rotationUnfinished(relay);
      return newKey(relay);
    },
    retireOldKeys: async (relay) => {
      for (const key of accessKeys.keysOf(senderIdOf(relay)).slice(0, -1)) accessKeys.revokeAccessKey(key);
    },
    remove: async (relay) => {
      for (const key of accessKeys.keysOf(senderIdOf(relay))) accessKeys.revokeAccessKey(key);
    },
  };
}

function senderIdOf(relay: string): string {
  return `relay:${relay}`;
}
