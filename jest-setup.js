// Jest setup provided by Grafana scaffolding
import './.config/jest-setup';

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
