/**
 * The run requests of one notebook: batched, sent in order, watched until they end.
 *
 * Invariants: cells asked for in one turn travel in one request, in the order of the calls; a
 * request is sent only after the one before it was answered; at most one request per notebook
 * waits for progress, because the server runs a notebook's cells one after the other and a browser
 * has few connections to a server. Every promise given out is settled, also after `dispose`.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { messageOf } from '../services/messageOf';
import type { ICellStatus, IEdits, IRunRequest, IRunStatus } from '../services/requests';
import { RequestError } from '../services/requests';
import type { Slots } from './slots';

/** The requests that a queue makes. */
export interface IRunRequests {
  startRun(roomId: string, run: IRunRequest): Promise<string>;
  pollRun(runId: string, seen: number, signal: AbortSignal): Promise<IRunStatus>;
}

/** Where cells run: read when a request is sent, not when the user asks. */
export interface IRunTarget {
  roomId: string;
  kernelId: string;
  edits: IEdits | null;
}

/** How one cell's execution ended. */
export type CellOutcome = { state: 'ok' } | { state: 'error' | 'aborted'; reason: string };

/** What the queue needs from its surroundings. */
export interface IRunQueueOptions {
  requests: IRunRequests;
  /** Returns the target; throws an error with a message for the user when there is none. */
  target: () => IRunTarget;
  /** Limits the waiting requests of all notebooks of this page together. */
  slots: Slots;
  /** Resolves when all calls of the present turn were made. */
  endOfTurn: () => Promise<void>;
  sleep: (ms: number) => Promise<void>;
  /** Returns whether the server knows this user; whoever is signed out is told. */
  regain: () => Promise<boolean>;
  /** Called once for each request that failed as a whole. */
  onFailure: (message: string) => void;
  trans: Pick<TranslationBundle, '__'>;
}

interface IWaitingCell {
  cellId: string;
  resolve: (outcome: CellOutcome) => void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const MAX_CONSECUTIVE_POLL_FAILURES = 60;
const PAUSE_WITHOUT_CHANGE_MS = 250;

/** Return how long to wait after so many failures in a row. */
export function retryDelayMs(failures: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
}

/**
 * Runs cells of one notebook through the server.
 */
export class RunQueue {
  constructor(private readonly options: IRunQueueOptions) {}

  /** Run a cell after all cells asked for before; never rejects. */
  run(cellId: string): Promise<CellOutcome> {
    if (this.isDisposed) {
      return Promise.resolve(CLOSED);
    }
    return new Promise(resolve => {
      this.batch.push({ cellId, resolve });
      if (this.batch.length === 1) {
        void this.options.endOfTurn().then(() => {
          this.flush();
        });
      }
    });
  }

  /** Whether the queue was closed. */
  get isDisposed(): boolean {
    return this.closing.signal.aborted;
  }

  /** Stop watching: cells that did not end count as aborted here, and go on in the server. */
  dispose(): void {
    this.closing.abort();
  }

  private flush(): void {
    const batch = this.batch;
    this.batch = [];
    const started = this.lastStart.then(() => this.start(batch));
    this.lastStart = started;
    this.lastWatch = Promise.all([started, this.lastWatch]).then(([runId]) =>
      runId === null ? undefined : this.watch(runId, batch)
    );
  }

  /** Send the request; returns the run's id, or `null` after a failure. */
  private async start(batch: IWaitingCell[]): Promise<string | null> {
    if (this.isDisposed) {
      settleAll(batch, CLOSED);
      return null;
    }
    try {
      return await this.request(batch);
    } catch (error) {
      if (!isRefusal(error)) {
        this.fail(batch, messageOf(error));
        return null;
      }
    }
    return this.startAfterRefusal(batch);
  }

  /** A request that was refused has run nothing, so that it may be repeated. */
  private async startAfterRefusal(batch: IWaitingCell[]): Promise<string | null> {
    const isKnown = await this.options.regain();
    if (!isKnown || this.isDisposed) {
      settleAll(batch, isKnown ? CLOSED : SIGNED_OUT);
      return null;
    }
    try {
      return await this.request(batch);
    } catch (error) {
      this.fail(batch, messageOf(error));
      return null;
    }
  }

  private request(batch: IWaitingCell[]): Promise<string> {
    const { roomId, kernelId, edits } = this.options.target();
    return this.options.requests.startRun(roomId, {
      kernel_id: kernelId,
      cells: batch.map(({ cellId }) => ({ cell_id: cellId })),
      stop_on_error: true,
      edits
    });
  }

  private async watch(runId: string, batch: IWaitingCell[]): Promise<void> {
    try {
      await this.follow(runId, batch);
    } catch (error) {
      if (!this.isDisposed) {
        this.fail(batch, lostRunMessage(error, this.options.trans));
      }
    }
    settleAll(batch, CLOSED);
  }

  /** Settle cells as they end; returns when the run has finished or the queue was closed. */
  private async follow(runId: string, batch: IWaitingCell[]): Promise<void> {
    let seen = 0;
    while (!this.isDisposed) {
      const status = await this.poll(runId, seen);
      status.cells.forEach((cell, index) => {
        settleIfEnded(cell, batch[index]);
      });
      if (status.finished) {
        return;
      }
      if (status.change === seen) {
        await this.options.sleep(PAUSE_WITHOUT_CHANGE_MS);
      }
      seen = status.change;
    }
  }

  /** Poll once, repeating while the server cannot be reached; throws when that is hopeless. */
  private async poll(runId: string, seen: number): Promise<IRunStatus> {
    const { requests, slots, sleep } = this.options;
    for (let failures = 1; ; failures += 1) {
      try {
        return await slots.use(() => requests.pollRun(runId, seen, this.closing.signal));
      } catch (error) {
        const mayRetry = error instanceof RequestError && error.isTransient && !this.isDisposed;
        if (!mayRetry || failures > MAX_CONSECUTIVE_POLL_FAILURES) {
          throw error;
        }
      }
      await sleep(retryDelayMs(failures));
    }
  }

  private fail(batch: IWaitingCell[], reason: string): void {
    settleAll(batch, { state: 'aborted', reason });
    this.options.onFailure(reason);
  }

  private readonly closing = new AbortController();
  private batch: IWaitingCell[] = [];
  private lastStart: Promise<unknown> = Promise.resolve();
  private lastWatch: Promise<unknown> = Promise.resolve();
}

const CLOSED: CellOutcome = { state: 'aborted', reason: 'The run is not watched any more.' };

const SIGNED_OUT: CellOutcome = { state: 'aborted', reason: 'You are signed out.' };

function isRefusal(error: unknown): boolean {
  return error instanceof RequestError && error.isRefusal;
}

function settleAll(batch: IWaitingCell[], outcome: CellOutcome): void {
  for (const { resolve } of batch) {
    resolve(outcome);
  }
}

function settleIfEnded(status: ICellStatus, cell: IWaitingCell | undefined): void {
  const { state, reason = '' } = status;
  if (state === 'ok') {
    cell?.resolve({ state });
  } else if (state === 'error' || state === 'aborted') {
    cell?.resolve({ state, reason });
  }
}

function lostRunMessage(error: unknown, trans: IRunQueueOptions['trans']): string {
  return error instanceof RequestError && error.status === 404
    ? trans.__(
        'The server was restarted while cells ran. They show what they had printed by then; run them again.'
      )
    : trans.__('The progress of the run cannot be followed any more: %1', messageOf(error));
}
