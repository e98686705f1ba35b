import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dialogueOf, questionOf } from './liveOutputs';

test('a question waits until it has a value', () => {
  const asked = { prompt: 'Name? ', password: false, id: 'q1' };
  assert.deepEqual(questionOf(asked), { ...asked, value: null });
  assert.deepEqual(questionOf({ ...asked, value: '' }), { ...asked, value: '' });
});

test('what is no question is one without words', () => {
  for (const data of [null, 5, 'text', {}, { prompt: 5, password: 'yes', id: 1, value: {} }]) {
    assert.deepEqual(questionOf(data), { prompt: '', password: false, id: null, value: null });
  }
});

test('an answer follows its question, and a password stays hidden', () => {
  const asked = { prompt: 'Name? ', password: false, id: null, value: 'Ada' };
  assert.equal(dialogueOf(asked), 'Name? Ada');
  assert.equal(
    dialogueOf({ ...asked, password: true, value: '' }),
    dialogueOf({ ...asked, password: true })
  );
  assert.ok(!dialogueOf({ ...asked, password: true }).includes('Ada'));
});
