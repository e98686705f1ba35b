/**
 * Interfaces between the plugins, and the tokens that name them.
 */
import { Token } from '@lumino/coreutils';

import type { IRights, ProjectRequests } from './services/requests';

/** Requests to the project server with the page's authentication. */
export type IProjectRequests = ProjectRequests;
export const IProjectRequests = new Token<IProjectRequests>('cocalc-jupyter:IProjectRequests');

/** What the user of this page may do; asked for once. */
export interface IUserRights {
  /** Never rejects: a browser that could not ask lets the server refuse. */
  readonly ready: Promise<IRights>;
}
export const IUserRights = new Token<IUserRights>('cocalc-jupyter:IUserRights');
