import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectionOf, type IOpenDocument, type Providers, ReconnectWatch } from './connection';

function providersWith(wsProvider: object | null): Providers {
  return new Map([['json:notebook:a/b:c.ipynb', { wsProvider }]]) as unknown as Providers;
}

function documentAt(path: string, isDisposed = false): IOpenDocument {
  return { path, model: { sharedModel: { isDisposed } } };
}

test('a document without a provider has no connection state', () => {
  assert.equal(connectionOf(providersWith(null), documentAt('other.ipynb')), 'none');
});

test('a document is connected once its socket is open and its content is there', () => {
  const state = (wsconnected: boolean, synced: boolean) =>
    connectionOf(providersWith({ wsconnected, synced }), documentAt('a/b:c.ipynb'));
  assert.equal(state(true, true), 'connected');
  assert.equal(state(true, false), 'reconnecting');
  assert.equal(state(false, true), 'reconnecting');
});

test('a document whose socket is not made yet is reconnecting', () => {
  assert.equal(connectionOf(providersWith(null), documentAt('a/b:c.ipynb')), 'reconnecting');
});

test('a document that the server closed for good has ended, with a provider or without', () => {
  assert.equal(connectionOf(providersWith(null), documentAt('other.ipynb', true)), 'ended');
  const open = providersWith({ wsconnected: true, synced: true });
  assert.equal(connectionOf(open, documentAt('a/b:c.ipynb', true)), 'ended');
});

test('an ended connection counts as lost: somebody has to say why', () => {
  const watch = new ReconnectWatch();
  const looks = Array.from({ length: 6 }, () => watch.isLost('ended'));
  assert.equal(looks.at(-1), true);
});

test('a connection counts as lost when it was missing for a while, and again later', () => {
  const watch = new ReconnectWatch();
  const looks = Array.from({ length: 12 }, () => watch.isLost('reconnecting'));
  assert.deepEqual(
    looks.map((isLost, index) => (isLost ? index + 1 : 0)).filter(count => count > 0),
    [6, 12]
  );
});

test('a connection that comes and goes is not lost', () => {
  const watch = new ReconnectWatch();
  const looks = Array.from({ length: 5 }, () => watch.isLost('reconnecting'));
  assert.equal(watch.isLost('connected'), false);
  assert.deepEqual([...looks, watch.isLost('reconnecting')].includes(true), false);
});
