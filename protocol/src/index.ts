export * from './environment.ts';
export * from './ids.ts';
export * as limits from './limits.ts';
