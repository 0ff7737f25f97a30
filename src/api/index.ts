export type * from './ports.ts';
export { type Api, type ApiOptions, createApi } from './server.ts';
