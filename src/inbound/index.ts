export {
  calledNumbers,
  calledSource,
  calledSources,
  firstSource,
  type InboundNumbers,
} from './parameters.ts';
export {
  type InboundCall,
  type InboundDirectory,
  type InboundRejection,
  type InboundRoute,
  InboundRouter,
  type InboundTarget,
} from './route-inbound.ts';
export type { FoundVerification } from './rules.ts';
