import { type Detection, recipientsOf, type Signal, within } from './window.ts';

/** How much an account sends: messages and recipients in the last minute and the last ten. */
export const volume: Detection = {
  id: 'volume',
  values: ['messages1m', 'recipients1m', 'messages10m', 'recipients10m'],
  detect(window, nowMicros): Signal | undefined {
    const ten = within(window, 10, nowMicros);
    if (ten.length === 0) return undefined;
    const one = within(window, 1, nowMicros);
    const values = {
      messages1m: one.length,
      recipients1m: recipientsOf(one),
      messages10m: ten.length,
      recipients10m: recipientsOf(ten),
    };
    const evidence = `${values.messages10m} messages to ${values.recipients10m} recipients in 10 minutes (${values.messages1m} in the last)`;
    return { detection: 'volume', values, evidence };
  },
};
