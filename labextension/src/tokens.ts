/**
 * Interfaces between the plugins, and the tokens that name them.
 */
import { Token } from '@lumino/coreutils';

import type { KernelStarter } from './execution/kernelReadiness';
import type { Outage } from './services/outage';
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

/** What is told about a server that cannot be reached, and done about it. */
export type IOutage = Pick<Outage, 'regain' | 'report'>;
export const IOutage = new Token<IOutage>('cocalc-jupyter:IOutage');

/** Makes sure that notebooks have kernels, one attempt for each at a time. */
export type IKernelStarter = Pick<KernelStarter, 'ensure' | 'join'>;
export const IKernelStarter = new Token<IKernelStarter>('cocalc-jupyter:IKernelStarter');
