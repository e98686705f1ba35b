/**
 * Stand-ins that a test drives by hand: nothing here waits for a clock or a network.
 */
import type { IRunRequest, IRunStatus } from '../services/requests';
import type { IRunRequests } from '../execution/runQueue';

/** A promise that the test settles. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (reason: Error) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

interface ISentRun extends Deferred<string> {
  roomId: string;
  run: IRunRequest;
}

interface ISentPoll extends Deferred<IRunStatus> {
  runId: string;
  seen: number;
}

/** Records requests, which stay open until the test answers them. */
export class ManualRunRequests implements IRunRequests {
  readonly runs: ISentRun[] = [];
  readonly polls: ISentPoll[] = [];

  startRun(roomId: string, run: IRunRequest): Promise<string> {
    const sent = Object.assign(new Deferred<string>(), { roomId, run });
    this.runs.push(sent);
    return sent.promise;
  }

  pollRun(runId: string, seen: number, signal: AbortSignal): Promise<IRunStatus> {
    const sent = Object.assign(new Deferred<IRunStatus>(), { runId, seen });
    signal.addEventListener('abort', () => {
      sent.reject(new Error('aborted'));
    });
    this.polls.push(sent);
    return sent.promise;
  }

  /** Return the n-th run request. */
  run(index: number): ISentRun {
    return at(this.runs, index);
  }

  /** Return the n-th progress request. */
  poll(index: number): ISentPoll {
    return at(this.polls, index);
  }
}

/** Return a text in its own language, with its values in their places. */
export function words(text: string, ...values: string[]): string {
  return text.replace(/%(\d)/g, (_, place: string) => values[Number(place) - 1] ?? '');
}

/** Let all promise callbacks run that are due. */
export async function settled(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve));
}

function at<T>(list: T[], index: number): T {
  const item = list[index];
  if (item === undefined) {
    throw new Error(`only ${list.length} requests were made, not ${index + 1}`);
  }
  return item;
}
