// Jest setup provided by Grafana scaffolding
import './.config/jest-setup';
import { configure } from '@testing-library/react';

// What is waited for takes seconds to show on a busy machine.
configure({ asyncUtilTimeout: 15_000 });

// jsdom has no layout, so nothing can scroll into view.
class NeverIntersecting {
  observe() {}
  unobserve() {}
  disconnect() {}
  takeRecords() {
    return [];
  }
}
Object.assign(global, { IntersectionObserver: NeverIntersecting });
