export * from './errors.js';
export * from './llmAdapter.js';
export type * from './types.js';
