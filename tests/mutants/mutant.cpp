// Chooses a mutant by the environment, and tells which test case reaches which check:
//
//   TARTA_MUTANT=N           the mutant (mutant.hpp)
//   TARTA_MUTANT_REACH=FILE  a line for each test case: milliseconds, name, and for each check that it reaches its
//                            number with the values that it had (1 false, 2 true, 3 both), separated by tabs
#include "mutant.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace tarta::mutants {
namespace {

using Clock = std::chrono::steady_clock;

std::uint32_t choose() {
  const char* const number = std::getenv("TARTA_MUTANT");
  return number == nullptr ? none : static_cast<std::uint32_t>(std::strtoul(number, nullptr, 10));
}

struct Reach : doctest::IReporter {
  explicit Reach(const doctest::ContextOptions&) {
    if (const char* const path = std::getenv("TARTA_MUTANT_REACH")) file_.open(path);
  }

  void test_case_start(const doctest::TestCaseData& data) override {
    name_ = data.m_name;
    std::fill(std::begin(reached), std::end(reached), std::uint8_t{0});
    begin_ = Clock::now();
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    if (!file_.is_open()) return;
    file_ << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_).count() << '\t' << name_;
    for (std::uint32_t check = 0; check < most_checks; ++check) {
      if (reached[check] != 0) file_ << '\t' << check << ':' << int{reached[check]};
    }
    file_ << '\n';
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  std::ofstream file_;
  const char* name_ = "";
  Clock::time_point begin_;
};
REGISTER_LISTENER("reach", 1, Reach);

}  // namespace

std::uint32_t chosen = choose();
std::uint8_t reached[most_checks];

}  // namespace tarta::mutants
