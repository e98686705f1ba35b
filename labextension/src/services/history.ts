/**
 * The server's interface for the histories of documents.
 */
import { fetchJson, type Send } from './requests';

/** One version; `version` names it, `wall` is Unix time in milliseconds. */
export interface IVersion {
  version: number;
  wall: number;
  author: string | null;
  number: number | null;
  size: number;
}

/** What the server calls the author of what runs put into a document. */
export const PROJECT = 'Project';

/** Some versions, newest first, and names of their authors by account. */
export interface IVersionPage {
  versions: IVersion[];
  has_more: boolean;
  authors: Record<string, string>;
}

/** Lines of a difference: a sign (`=`, `-`, `+`) and the line. */
export interface IHunk {
  old_start: number;
  new_start: number;
  lines: [string, string][];
}

/** A cell that is not as it was. */
export interface ICellChange {
  id: string;
  status: 'added' | 'removed' | 'changed' | 'moved';
  old_index: number | null;
  new_index: number | null;
  moved: boolean;
  parts: Record<string, unknown> & { source?: IHunk[] };
}

/** What is different between two versions. */
export type Difference =
  | { type: 'text' | 'records'; hunks: IHunk[] }
  | { type: 'notebook'; cells: ICellChange[]; metadata: unknown };

/** An output of a cell, as notebooks hold it. */
export interface IOutput {
  output_type: string;
  text?: string | string[];
  data?: Record<string, unknown>;
  ename?: string;
  evalue?: string;
}

/** A cell of a notebook. */
export interface ICell {
  cell_type: string;
  source: string | string[];
  execution_count?: number | null;
  outputs?: IOutput[];
}

/** What a version holds. */
export type Content =
  { type: 'text' | 'records'; text: string } | { type: 'notebook'; notebook: { cells: ICell[] } };

/** Typed requests; all methods throw `RequestError`. A path is that of the file. */
export class HistoryRequests {
  constructor(private readonly send: Send) {}

  /** Return the newest versions, or the newest of those before one. */
  async versions(path: string, before: number | null, limit: number): Promise<IVersionPage> {
    const older = before === null ? '' : `&before=${before}`;
    return (await this.get('versions', path, `limit=${limit}${older}`)) as IVersionPage;
  }

  /** Return what a version holds. */
  async at(path: string, version: number): Promise<Content> {
    return (await this.get('at', path, `version=${version}`)) as Content;
  }

  /** Return what changed from one version to another. */
  async diff(path: string, from: number, to: number): Promise<Difference> {
    return (await this.get('diff', path, `a=${from}&b=${to}`)) as Difference;
  }

  /** Make a version the present one, by a new version; returns whether anything had to change. */
  async restore(path: string, version: number): Promise<boolean> {
    const url = `cocalc/history/restore/${encodePath(path)}`;
    const body = JSON.stringify({ version });
    const answer = await fetchJson(this.send, url, { method: 'POST', body });
    return (answer as { version: IVersion | null }).version !== null;
  }

  private get(name: string, path: string, query: string): Promise<unknown> {
    const url = `cocalc/history/${name}/${encodePath(path)}?${query}`;
    return fetchJson(this.send, url, { method: 'GET' });
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
