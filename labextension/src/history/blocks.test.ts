import assert from 'node:assert/strict';
import { test } from 'node:test';

import { words } from '../testing/fakes';
import { blocksOfContent, blocksOfDifference } from './blocks';

test('a text is shown as it is', () => {
  assert.deepEqual(blocksOfContent({ type: 'text', text: 'a\nb\n' }, words), [
    { kind: 'text', text: 'a\nb\n', role: 'source' }
  ]);
});

test('a cell is shown with its number, its source and its outputs', () => {
  const outputs = [
    { output_type: 'stream', text: ['1\n', '2\n'] },
    { output_type: 'execute_result', data: { 'text/plain': '3', 'text/html': '<b>3</b>' } },
    { output_type: 'display_data', data: { 'image/png': 'AA\nBB', 'text/plain': '<Figure>' } },
    { output_type: 'error', ename: 'ValueError', evalue: 'no' },
    { output_type: 'display_data', data: { 'text/html': '<script>' } }
  ];
  const cells = [
    { cell_type: 'code', source: ['1', '+2'], execution_count: 4, outputs },
    { cell_type: 'markdown', source: '*x*' }
  ];
  assert.deepEqual(blocksOfContent({ type: 'notebook', notebook: { cells } }, words), [
    { kind: 'heading', text: '[4]' },
    { kind: 'text', text: '1+2', role: 'source' },
    { kind: 'text', text: '1\n2\n', role: 'output' },
    { kind: 'text', text: '3', role: 'output' },
    { kind: 'image', url: 'data:image/png;base64,AABB', alt: '<Figure>' },
    { kind: 'text', text: 'ValueError: no', role: 'output' },
    { kind: 'text', text: '(an output that is not text)', role: 'output' },
    { kind: 'heading', text: 'markdown' },
    { kind: 'text', text: '*x*', role: 'source' }
  ]);
});

test('a very long text is cut, and says so', () => {
  const [block] = blocksOfContent({ type: 'text', text: 'x'.repeat(100_005) }, words);
  assert.ok(block?.kind === 'text');
  assert.ok(block.text.endsWith('… and 5 more characters'));
});

test('differences of a text are lines with signs', () => {
  const hunks = [
    {
      old_start: 1,
      new_start: 1,
      lines: [['-', 'a\n'] as [string, string], ['+', 'b'] as [string, string]]
    }
  ];
  assert.deepEqual(blocksOfDifference({ type: 'text', hunks }, words), [
    {
      kind: 'lines',
      lines: [
        { sign: '-', text: 'a' },
        { sign: '+', text: 'b' }
      ]
    }
  ]);
});

test('differences of a notebook are told cell by cell', () => {
  const cell = { id: 'c', old_index: 0, new_index: 1, moved: false };
  const source = [{ old_start: 1, new_start: 1, lines: [['+', 'b'] as [string, string]] }];
  const blocks = blocksOfDifference(
    {
      type: 'notebook',
      metadata: { old: {}, new: {} },
      cells: [
        { ...cell, status: 'changed', parts: { source } },
        { ...cell, status: 'changed', parts: { outputs: {}, execution_count: {} } },
        { ...cell, status: 'removed', new_index: null, parts: {} },
        { ...cell, status: 'added', parts: {} },
        { ...cell, status: 'moved', parts: {} }
      ]
    },
    words
  );
  assert.deepEqual(
    blocks.map(block => (block.kind === 'heading' ? block.text : block.kind)),
    [
      'Cell 2 was changed',
      'lines',
      'Cell 2 was changed (outputs, execution count)',
      'Cell 1 was removed',
      'Cell 2 was added',
      'Cell 2 was moved',
      'The metadata of the notebook has changed'
    ]
  );
});
