// What does a message cost before it is stored? Scrubbing, inference and the title run once per
// message on the hot path; together they must stay far below the cost of saving it (~100 µs).

#include "domain/infer.hpp"
#include "domain/scrub.hpp"
#include "domain/text.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace {

using hub::domain::infer;
using hub::domain::scrub;
using hub::domain::title_of;

// About 300 bytes each, as customers write.
constexpr std::string_view english =
  "Hi team, since yesterday's update the export button on the reports page does nothing when I click "
  "it. I tried Chrome and Firefox, logged out and in again, and waited a few minutes. My colleagues "
  "see the same. We need the report for our meeting on Thursday, so it would be great if you could "
  "have a look.";
constexpr std::string_view spanish =
  "Buenos días, desde la última actualización la aplicación se cae al abrir el informe de ventas. He "
  "probado a cerrar sesión y volver a entrar, pero sigue igual. Además, la tipografía del menú se ve "
  "muy pequeña en el móvil. ¿Podrían revisarlo? No es urgente, pero nos gustaría tenerlo pronto.";
constexpr std::string_view with_numbers =
  "Order 4523987 from 2024-11-20 10:32 still shows as pending in version 4.12.3 (build 20241118). The "
  "invoice INV-2024-001238 says 1,299.00 EUR, but the page says 1,199.00 EUR; see "
  "https://shop.example.com/orders/4523987?ref=mail. It happens in 3 of 10 tries, on 1920x1080 screens, "
  "since about 9:30.";
constexpr std::string_view with_pii =
  "Hello, I am Ana García (ana.garcia+shop@example.com, +34 612 345 678). I paid with card 4111 1111 "
  "1111 1111 and the refund should go to ES91 2100 0418 4502 0005 1332, but the page says error 500. "
  "I log in from 192.168.10.24 and my password is Luna_2024, in case you need to try it yourselves. "
  "Thanks a lot for your help!";

std::string repeated(std::string_view unit, std::size_t size) {
  std::string text;
  while (text.size() < size)
    text += unit;
  return text;
}

template <class Work>
void each(benchmark::State& state, std::string_view text, Work work) {
  for (auto _ : state)
    benchmark::DoNotOptimize(work(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size())
                          * static_cast<std::int64_t>(state.iterations()));
}

void scrub_text(benchmark::State& state, std::string_view text) {
  each(state, text, [](std::string_view t) { return scrub(t); });
}
void infer_text(benchmark::State& state, std::string_view text) {
  each(state, text, [](std::string_view t) { return infer(t); });
}
void title_text(benchmark::State& state, std::string_view text) {
  each(state, text, [](std::string_view t) { return title_of(t); });
}
void scrub_mebibyte(benchmark::State& state, std::string_view unit) {
  const auto text = repeated(unit, 1 << 20);
  each(state, text, [](std::string_view t) { return scrub(t); });
}

BENCHMARK_CAPTURE(scrub_text, english, english);
BENCHMARK_CAPTURE(scrub_text, spanish, spanish);
BENCHMARK_CAPTURE(scrub_text, numbers, with_numbers);
BENCHMARK_CAPTURE(scrub_text, personal_data, with_pii);
BENCHMARK_CAPTURE(infer_text, english, english);
BENCHMARK_CAPTURE(infer_text, spanish, spanish);
BENCHMARK_CAPTURE(infer_text, numbers, with_numbers);
BENCHMARK_CAPTURE(title_text, english, english);
BENCHMARK_CAPTURE(title_text, spanish, spanish);
// Hostile texts of the largest size that the edge admits: time must stay linear.
BENCHMARK_CAPTURE(scrub_mebibyte, digits, "7")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, at_signs, "@")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, dots, "a.")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, colons, ":")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, single_digits, "1 ")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, announcements, "pin=")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrub_mebibyte, prose, english)->Unit(benchmark::kMillisecond);

} // namespace
