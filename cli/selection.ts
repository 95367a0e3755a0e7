import { type Term, term } from '../shared/wire/selection.ts';
import { usage } from './failure.ts';

/** `client=127.66.0.0/16`, `sender=a@x.test`, `since=2026-11-25T01:00:00Z`. @throws usage Failure */
export function parseTerm(text: string): Term {
  const [, name, value] = /^(client|sender|since)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw usage(`selection ${JSON.stringify(text)}: want client=CIDR, sender=ADDR or since=TIME`);
  }
  const parsed = term.safeParse(name === 'since' ? { since: Date.parse(value) } : { [name]: value });
  if (!parsed.success) {
    const wanted = {
      client: 'a network like 127.66.0.0/16',
      sender: 'an address',
      since: 'a time like 2026-11-25T01:00:00Z',
    };
    throw usage(`selection ${JSON.stringify(text)}: ${name} wants ${wanted[name as 'client']}`);
  }
  return parsed.data;
}
