import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signInAgain } from './signIn';

test('signing in again is a plain page view of the own origin', async () => {
  const sent: unknown[] = [];
  await signInAgain('/user/p/lab', (url, { mode, credentials }) => {
    assert.equal(url, '/user/p/lab');
    sent.push({ mode, credentials });
    return Promise.resolve();
  });
  assert.deepEqual(sent, [{ mode: 'no-cors', credentials: 'same-origin' }]);
});

test('a sign-in that does not get through is left to the next probe', async context => {
  context.mock.method(console, 'warn', () => undefined);
  await signInAgain('/user/p/lab', () => Promise.reject(new TypeError('Failed to fetch')));
});
