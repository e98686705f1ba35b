/**
 * The project server's HTTP interface: runs, their questions, and the caller's rights.
 *
 * Knows neither the notebook widgets nor how a request is authenticated; the sender does the latter.
 */

import type { IOutput } from '@jupyterlab/nbformat';

/** Sends a request to a path below the server's base URL. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** One code cell's state in a run. */
export type CellState = 'queued' | 'running' | 'ok' | 'error' | 'aborted';

/** The progress of one cell of a run. */
export interface ICellStatus {
  cell_id: string;
  state: CellState;
  reason?: string;
}

/** The progress of a run; `change` grows whenever something in it changes. */
export interface IRunStatus {
  run_id: string;
  change: number;
  finished: boolean;
  cells: ICellStatus[];
}

/** The last edit that the server must have seen before it runs anything. */
export interface IEdits {
  client_id: number;
  clock: number;
}

/** A run of some cells of one notebook, in order. */
export interface IRunRequest {
  kernel_id: string;
  cells: { cell_id: string }[];
  stop_on_error: boolean;
  edits: IEdits | null;
}

/** What the user may do in this project. */
export interface IRights {
  /** Whether edits of documents are accepted. */
  write: boolean;
  /** Whether code may be run. */
  execute: boolean;
}

/** Not reachable, a hub's answer for a server that does not run, and too many requests. */
const TRANSIENT = new Set([0, 424, 429]);

/** The server refused a request, or was not reachable (status 0). */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string
  ) {
    super(message);
    this.name = 'RequestError';
  }

  /** Whether the same request may succeed a little later. */
  get isTransient(): boolean {
    return TRANSIENT.has(this.status) || this.status >= 500;
  }

  /** Whether the server does not know this user, or does not let them do this. */
  get isRefusal(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

const RIGHTS_ASKED = { contents: ['write'], kernels: ['execute'] };

/**
 * Typed requests to the project server. All methods throw `RequestError`.
 */
export class ProjectRequests {
  constructor(readonly send: Send) {}

  /** Queue cells for execution; returns the run's id. */
  async startRun(roomId: string, run: IRunRequest): Promise<string> {
    const path = `cocalc/api/notebooks/${encodeURIComponent(roomId)}/run`;
    const answer = await this.json(path, { method: 'POST', body: JSON.stringify(run) });
    return (answer as { run_id: string }).run_id;
  }

  /** Wait (up to about 20 s) for a change after `seen`, and return the run's progress. */
  async pollRun(runId: string, seen: number, signal: AbortSignal): Promise<IRunStatus> {
    const path = `cocalc/api/runs/${encodeURIComponent(runId)}?seen=${seen}`;
    return (await this.json(path, { method: 'GET', signal })) as IRunStatus;
  }

  /** Answer the question that a cell shows; status 409 when somebody else has answered it. */
  async answerCell(
    roomId: string,
    cellId: string,
    value: string,
    inputId: string | null
  ): Promise<void> {
    const path = `cocalc/api/notebooks/${encodeURIComponent(roomId)}/input`;
    const body = JSON.stringify({ cell_id: cellId, value, input_id: inputId });
    await this.ok(path, { method: 'POST', body });
  }

  /** Return what a cell printed beyond what its notebook shows, as far as the server has it. */
  async fetchMoreOutput(roomId: string, cellId: string): Promise<IOutput[]> {
    const query = `cell_id=${encodeURIComponent(cellId)}`;
    const path = `cocalc/api/notebooks/${encodeURIComponent(roomId)}/more-output?${query}`;
    const answer = await this.json(path, { method: 'GET' });
    return (answer as { outputs: IOutput[] }).outputs;
  }

  /** Ask what the user may do. */
  async fetchRights(): Promise<IRights> {
    const asked = encodeURIComponent(JSON.stringify(RIGHTS_ASKED));
    const answer = await this.json(`api/me?permissions=${asked}`, { method: 'GET' });
    const { permissions } = answer as { permissions: Record<string, string[] | undefined> };
    return {
      write: permissions['contents']?.includes('write') ?? false,
      execute: permissions['kernels']?.includes('execute') ?? false
    };
  }

  private json(path: string, init: RequestInit): Promise<unknown> {
    return fetchJson(this.send, path, init);
  }

  private ok(path: string, init: RequestInit): Promise<Response> {
    return fetchOk(this.send, path, init);
  }
}

/** Send a request and return the JSON of the answer; throws `RequestError`. */
export async function fetchJson(send: Send, path: string, init: RequestInit): Promise<unknown> {
  const response = await fetchOk(send, path, init);
  try {
    return await response.json();
  } catch (error) {
    throw new RequestError(0, `The server's answer was cut off: ${String(error)}`);
  }
}

async function fetchOk(send: Send, path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await send(path, init);
  } catch (error) {
    throw new RequestError(0, `The server cannot be reached: ${String(error)}`);
  }
  if (!response.ok) {
    throw new RequestError(response.status, await explain(response));
  }
  return response;
}

/** Return the server's own words about a failure, or its status line. */
async function explain(response: Response): Promise<string> {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  const text = await response.text().catch(() => '');
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' && message !== '' ? message : fallback;
  } catch {
    // A proxy in between answers with a page instead of JSON.
    return fallback;
  }
}
