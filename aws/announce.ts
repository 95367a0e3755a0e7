import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { FindingEvent } from '../shared/store/outbox.ts';

/** Source of Holdfast's events on the bus; rules match it. */
export const eventSourceName = 'holdfast';
export const findingDetailType = 'Holdfast finding';

/** Findings go to EventBridge; what listens there (the topic for people among them) is a matter of rules. */
export function announceTo(client: EventBridgeClient, bus: string): (event: FindingEvent) => Promise<void> {
  return async (event) => {
    const entry = {
      EventBusName: bus,
      Source: eventSourceName,
      DetailType: findingDetailType,
      Time: new Date(event.at),
      Detail: JSON.stringify(event),
    };
    const { FailedEntryCount, Entries } = await client.send(new PutEventsCommand({ Entries: [entry] }));
    if (FailedEntryCount === 0) return;
    const { ErrorCode, ErrorMessage } = Entries?.[0] ?? {};
    throw new Error(`EventBridge refused finding ${event.finding}: ${ErrorCode}: ${ErrorMessage}`);
  };
}
