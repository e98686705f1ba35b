import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectionOf, type Providers } from './connection';

function providersWith(wsProvider: object | null): Providers {
  return new Map([['json:notebook:a/b:c.ipynb', { wsProvider }]]) as unknown as Providers;
}

test('a document without a provider has no connection state', () => {
  assert.equal(connectionOf(providersWith(null), 'other.ipynb'), 'none');
});

test('a document is connected once its socket is open and its content is there', () => {
  const state = (wsconnected: boolean, synced: boolean) =>
    connectionOf(providersWith({ wsconnected, synced }), 'a/b:c.ipynb');
  assert.equal(state(true, true), 'connected');
  assert.equal(state(true, false), 'reconnecting');
  assert.equal(state(false, true), 'reconnecting');
});

test('a document whose socket is not made yet is reconnecting', () => {
  assert.equal(connectionOf(providersWith(null), 'a/b:c.ipynb'), 'reconnecting');
});
