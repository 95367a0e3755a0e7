import { expect, test } from 'vitest';
import { canonicalAccount, spellings } from './account.ts';

const rule = { realm: 'Example.org', realmAliases: { 'mail.example.org': 'example.org' } };

test('logins of one person become one account; realms are never stripped', () => {
  for (const login of ['thief', ' Thief ', 'THIEF@example.org', 'thief@Mail.example.org']) {
    expect(canonicalAccount(login, rule)).toBe('thief@example.org');
  }
  expect(canonicalAccount('thief@other.org', rule)).toBe('thief@other.org');
  expect(canonicalAccount('thief', { realmAliases: {} })).toBe('thief');
  expect(canonicalAccount('Mu\u0308ller', { realmAliases: {} })).toBe('müller');
});

test('an empty login is nobody', () => {
  expect(canonicalAccount('', rule)).toBeUndefined();
  expect(canonicalAccount(' \t', rule)).toBeUndefined();
});

test('a login’s realm finds configured aliases only, never what every object inherits', () => {
  for (const login of ['x@constructor', 'x@__proto__', 'x@tostring']) expect(canonicalAccount(login, rule)).toBe(login);
});

test('spellings hold the bare name, each realm form, and the logins seen', () => {
  expect(spellings('thief@example.org', ['Thief@Example.org', 'thief'], rule)).toEqual([
    'thief',
    'thief@example.org',
    'thief@mail.example.org',
  ]);
  expect(spellings('thief@other.org', [], rule)).toEqual(['thief@other.org']);
});
