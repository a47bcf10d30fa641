// SPDX-License-Identifier: Apache-2.0
#include "replay/export/core_writer.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <cstring>
#include <string_view>

#include "replay/export/elf_headers.h"
#include "replay/export/sparse_file.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr uint64_t kCorePage = 4096;
// e_phnum has 16 bits, and its largest value means something else. Two of the headers are the note
// and the image.
constexpr size_t kMaxSegments = PN_XNUM - 3;
// Far above any guest; a run of zero frames costs an untrusted tape nothing.
constexpr uint64_t kMaxBytes = uint64_t{1} << 42;
constexpr size_t kMaxCoreVcpus = 8192;

// A run of adjacent captured frames.
struct Segment {
  uint64_t frame = 0;
  uint64_t frames = 0;
  uint64_t offset = 0;  // in the file
};

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void add_note(std::vector<std::byte>& notes, std::string_view name, uint32_t type,
              std::span<const std::byte> content) {
  // Name and content are each padded to four bytes; the sizes in the header are without padding.
  const auto padded = [&] { notes.resize((notes.size() + 3) / 4 * 4); };
  Elf64_Nhdr header{};
  header.n_namesz = static_cast<uint32_t>(name.size() + 1);
  header.n_descsz = static_cast<uint32_t>(content.size());
  header.n_type = type;
  append(notes, bytes_of(header));
  append(notes, std::as_bytes(std::span(name.data(), name.size())));
  notes.push_back(std::byte{0});
  padded();
  append(notes, content);
  padded();
}

// The three registers that a recorder from before registers were kept recorded.
user_regs_struct few_registers(schema::VcpuState::Reader vcpu) {
  // arch/x86/include/asm/segment.h
  constexpr uint64_t kKernelCs = 0x10, kUserCs = 0x33, kInterruptFlag = 0x200, kAlwaysSet = 2;
  user_regs_struct to{};
  to.rip = vcpu.getRip();
  to.cs = vcpu.getCpl() == 0 ? kKernelCs : kUserCs;
  to.eflags = kAlwaysSet | (vcpu.getInterruptsEnabled() ? kInterruptFlag : 0);
  return to;
}

user_regs_struct all_registers(uint64_t rip, schema::Registers::Reader from) {
  user_regs_struct to{};
  to.r15 = from.getR15();
  to.r14 = from.getR14();
  to.r13 = from.getR13();
  to.r12 = from.getR12();
  to.rbp = from.getRbp();
  to.rbx = from.getRbx();
  to.r11 = from.getR11();
  to.r10 = from.getR10();
  to.r9 = from.getR9();
  to.r8 = from.getR8();
  to.rax = from.getRax();
  to.rcx = from.getRcx();
  to.rdx = from.getRdx();
  to.rsi = from.getRsi();
  to.rdi = from.getRdi();
  to.rip = rip;
  to.cs = from.getCs();
  to.eflags = from.getRflags();
  to.rsp = from.getRsp();
  to.ss = from.getSs();
  to.fs_base = from.getFsBase();
  to.gs_base = from.getGsBase();
  to.ds = from.getDs();
  to.es = from.getEs();
  to.fs = from.getFs();
  to.gs = from.getGs();
  return to;
}

// `number` counts the vCPUs from 1. It is the note's pid, as in QEMU's dump-guest-memory: readers
// take threads with the same pid, such as two idle tasks, for one, and pid 0 for none.
elf_prstatus status_of(schema::VcpuState::Reader vcpu, int number) {
  elf_prstatus status{};
  status.pr_pid = number;
  if (!vcpu.getKnown()) return status;
  const user_regs_struct registers =
      vcpu.hasRegisters() ? all_registers(vcpu.getRip(), vcpu.getRegisters()) : few_registers(vcpu);
  static_assert(sizeof registers == sizeof status.pr_reg);
  std::memcpy(&status.pr_reg, &registers, sizeof registers);
  return status;
}

Result<std::vector<std::byte>> make_notes(const CoreSource& source) {
  if (source.kernel.getVmcoreinfo().size() == 0) {
    return Error{ErrorCode::kNotApplicable, "the tape does not have the VMCOREINFO of its kernel",
                 "capture a kernel built with CONFIG_VMCORE_INFO"};
  }
  std::vector<std::byte> notes;
  if (source.frozen.getVcpus().size() > kMaxCoreVcpus) {
    return Error{ErrorCode::kOutOfRange, fmt::format("{} vCPUs", source.frozen.getVcpus().size()),
                 ""};
  }
  int number = 0;
  // Also for a vCPU whose registers are not known: readers take the n-th note for CPU n.
  for (const auto vcpu : source.frozen.getVcpus())
    add_note(notes, "CORE", NT_PRSTATUS, bytes_of(status_of(vcpu, ++number)));
  add_note(notes, "VMCOREINFO", 0, as_bytes(chars(source.kernel.getVmcoreinfo())));
  return notes;
}

Result<std::vector<Segment>> segments_of(const std::vector<FreezePage>& rows) {
  std::vector<Segment> segments;
  uint64_t frames = 0;
  for (const FreezePage& row : rows) {
    frames += row.frames;
    if (frames > kMaxBytes / kCorePage) {
      return Error{ErrorCode::kOutOfRange,
                   fmt::format("more memory than the {} bytes allowed in a core", kMaxBytes), ""};
    }
    if (!segments.empty() && segments.back().frame + segments.back().frames == row.frame) {
      segments.back().frames += row.frames;
      continue;
    }
    if (segments.size() == kMaxSegments) {
      return Error{ErrorCode::kOutOfRange, fmt::format("more than {} runs of memory", kMaxSegments),
                   "capture the run with 'ktape capture --memory full', which keeps all memory in "
                   "a few runs"};
    }
    segments.push_back({row.frame, row.frames, 0});
  }
  if (segments.empty()) return Error{ErrorCode::kNotApplicable, "no memory was captured", ""};
  return segments;
}

Elf64_Phdr make_load(uint64_t offset, uint64_t address, uint64_t physical, uint64_t bytes) {
  Elf64_Phdr load = load_header(address, physical, bytes);
  load.p_offset = offset;
  load.p_filesz = bytes;
  return load;
}

// Where the image is in the file; it is in one of the segments.
Result<uint64_t> image_offset(const std::vector<Segment>& segments, const ImagePlace& image) {
  for (const Segment& segment : segments) {
    const uint64_t start = segment.frame * kCorePage;
    const uint64_t bytes = segment.frames * kCorePage;
    if (image.physical.value < start || image.physical.value - start > bytes) continue;
    const uint64_t within = image.physical.value - start;
    if (image.bytes <= bytes - within) return segment.offset + within;
  }
  return Error{ErrorCode::kNotApplicable, "the kernel's image was not captured completely",
               "capture the run with 'ktape capture --memory full'"};
}

// Places the segments behind headers and notes, page by page. Returns the end of the file.
uint64_t place(std::vector<Segment>& segments, uint64_t end) {
  for (Segment& segment : segments) {
    segment.offset = end;
    end += segment.frames * kCorePage;
  }
  return end;
}

// The file up to its first page: ELF header, program headers, notes.
Result<std::vector<std::byte>> make_front(const CoreSource& source, std::vector<Segment>& segments,
                                          uint64_t& end) {
  KTAPE_ASSIGN(const std::vector<std::byte> notes, make_notes(source));
  const size_t headers = segments.size() + 2;
  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_offset = sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr);
  note.p_filesz = notes.size();
  // Page-aligned, so that readers may map it.
  end = place(segments, (note.p_offset + notes.size() + kCorePage - 1) / kCorePage * kCorePage);
  KTAPE_ASSIGN(const uint64_t image, image_offset(segments, source.image));

  std::vector<std::byte> front;
  append(front, bytes_of(elf_header(ET_CORE, headers)));
  append(front, bytes_of(note));
  // The same bytes of the file are also in a segment below; only the virtual address is another
  // one.
  append(front, bytes_of(make_load(image, source.image.start.value, source.image.physical.value,
                                   source.image.bytes)));
  for (const Segment& segment : segments) {
    const uint64_t physical = segment.frame * kCorePage;
    append(front, bytes_of(make_load(segment.offset, source.kernel.getPageOffset() + physical,
                                     physical, segment.frames * kCorePage)));
  }
  append(front, notes);
  return front;
}

}  // namespace

Result<CoreFacts> write_core(const CoreSource& source, const std::string& path,
                             const std::function<void(uint64_t, uint64_t)>& progress) {
  KTAPE_ASSIGN(std::vector<Segment> segments, segments_of(source.rows));
  uint64_t end = 0;
  KTAPE_ASSIGN(const std::vector<std::byte> front, make_front(source, segments, end));

  CoreFacts facts;
  facts.segments = segments.size();
  for (const auto vcpu : source.frozen.getVcpus()) {
    ++facts.vcpus;
    if (!vcpu.getKnown()) {
      ++facts.vcpus_unknown;
    } else if (!vcpu.hasRegisters()) {
      ++facts.vcpus_without_most;
    }
  }
  facts.bytes = end - segments.front().offset;
  uint64_t total = 0;
  for (const FreezePage& row : source.rows) total += row.hash.has_value();

  KTAPE_ASSIGN(SparseFile file, SparseFile::create(path));
  KTAPE_TRY(file.write(0, front));
  auto segment = segments.begin();
  for (const FreezePage& row : source.rows) {
    if (!row.hash) continue;
    // Rows and segments are both by frame, so one pass is enough.
    while (row.frame >= segment->frame + segment->frames) ++segment;
    KTAPE_ASSIGN(const std::vector<std::byte> page, source.load(*row.hash));
    KTAPE_TRY(file.write(segment->offset + (row.frame - segment->frame) * kCorePage, page));
    progress(++facts.pages, total);
  }
  KTAPE_TRY(file.finish(end));
  return facts;
}

}  // namespace ktape
