import { expect, test } from 'vitest';
import { type Printed, wiringOf } from './wiring.ts';

const instance = { name: 'postfix', configDirectory: '/etc/postfix' };
const wired = 'check_sasl_access lmdb:/etc/postfix/holdfast/sasl_access';
const fine: Printed = {
  mapTypes: 'btree\nlmdb\n',
  services: 'smtp       inet  n       -       y       -       -       smtpd\npickup     unix  n - y 60 1 pickup\n',
  overrides: '',
  overridesExpanded: '',
  main: '',
  mainExpanded: [
    `smtpd_sender_restrictions = ${wired}, reject_unknown_sender_domain`,
    `smtpd_end_of_data_restrictions = ${wired}`,
    'smtpd_client_port_logging = yes',
    'smtpd_sasl_auth_enable = yes',
    'smtpd_proxy_filter =',
  ].join('\n'),
};

test('where everything is wired in there is nothing to type', () => {
  expect(wiringOf(instance, fine)).toEqual({ instance: 'postfix', commands: [], warnings: [] });
});

test('the map goes before what stands in the list, as it stands there, and once', () => {
  const stands = 'check_sender_access inline:{ a@x=OK, b@x=OK } permit_sasl_authenticated, $mine';
  const main = `smtpd_sender_restrictions = ${stands}, ${wired}\nsmtpd_end_of_data_restrictions = `;
  const mainExpanded = `${main.replace('$mine', 'reject')}\nsmtpd_sasl_auth_enable = yes\nsmtpd_client_port_logging = no`;
  expect(wiringOf(instance, { ...fine, main, mainExpanded }).commands).toEqual([
    `postconf -c /etc/postfix -e 'smtpd_sender_restrictions = ${wired}, check_sender_access inline:{ a@x=OK, b@x=OK } permit_sasl_authenticated, $mine'`,
    `postconf -c /etc/postfix -e 'smtpd_end_of_data_restrictions = ${wired}'`,
    `postconf -c /etc/postfix -e 'smtpd_client_port_logging = yes'`,
    'postfix -c /etc/postfix reload',
  ]);
});

test('a service that overrides a list in master.cf is mended there', () => {
  const services = `${fine.services}submission inet n - y - - smtpd\n -o smtpd_sender_restrictions=$mua\n`;
  const overrides = 'submission/inet/smtpd_sender_restrictions = $mua_restrictions\n';
  const overridesExpanded = 'submission/inet/smtpd_sender_restrictions = permit_mynetworks\n';
  expect(wiringOf(instance, { ...fine, services, overrides, overridesExpanded }).commands).toEqual([
    `postconf -c /etc/postfix -P 'submission/inet/smtpd_sender_restrictions=${wired.replace(' ', ',')},$mua_restrictions'`,
    'postfix -c /etc/postfix reload',
  ]);
});

test('an override that postconf cannot take apart is left to a person', () => {
  const overrides = 'smtp/inet/smtpd_sender_restrictions = { check_sender_access inline:{ a=OK, b=OK } }\n';
  const { commands, warnings } = wiringOf(instance, { ...fine, overrides, overridesExpanded: overrides });
  expect(commands).toEqual([]);
  expect(warnings).toEqual([
    expect.stringContaining('put check_sasl_access lmdb:/etc/postfix/holdfast/sasl_access before it'),
  ]);
});

test('a service where nobody can log in is left alone', () => {
  const overridesExpanded = 'smtp/inet/smtpd_sasl_auth_enable = no\nsmtp/inet/smtpd_sender_restrictions = reject\n';
  expect(wiringOf(instance, { ...fine, overrides: overridesExpanded, overridesExpanded }).commands).toEqual([]);
});

test('a Postfix without lmdb, and a service behind a before-queue proxy, are warned of', () => {
  const overridesExpanded = 'smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n';
  const { commands, warnings } = wiringOf(instance, { ...fine, mapTypes: 'hash\n', overridesExpanded });
  expect(commands).toEqual([]);
  expect(warnings).toEqual([
    expect.stringContaining('no lmdb maps'),
    expect.stringMatching(/smtp\/inet hands mail to .*127\.0\.0\.1:10024: HOLD is not available/),
  ]);
});
