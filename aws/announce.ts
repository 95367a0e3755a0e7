import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { FindingEvent } from '../shared/store/outbox.ts';
import type { Settings } from './settings.ts';

/** Source of an environment's events on the bus, which all of an account share; rules match it. */
export function eventSourceOf(environment: string): string {
  return `holdfast.${environment}`;
}

export const findingDetailType = 'Holdfast finding';

/** Findings go to EventBridge; what listens there (the topic for people among them) is a matter of rules. */
export function announceTo(
  client: EventBridgeClient,
  { HOLDFAST_EVENT_BUS: bus, HOLDFAST_ENVIRONMENT: environment }: Settings,
): (event: FindingEvent) => Promise<void> {
  return async (event) => {
    const entry = {
      EventBusName: bus,
      Source: eventSourceOf(environment),
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
