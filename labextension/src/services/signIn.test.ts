import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signInAgain } from './signIn';

test('signing in again is a plain page view of the own origin', async () => {
  const sent: [string, RequestInit][] = [];
  await signInAgain('/user/p/lab', (url, init) => {
    sent.push([url, init]);
    return Promise.resolve();
  });
  assert.equal(sent[0][0], '/user/p/lab');
  assert.equal(sent[0][1].mode, 'no-cors');
  assert.equal(sent[0][1].credentials, 'same-origin');
});

test('a sign-in that does not get through is left to the next probe', async context => {
  context.mock.method(console, 'warn', () => undefined);
  await signInAgain('/user/p/lab', () => Promise.reject(new TypeError('Failed to fetch')));
});
